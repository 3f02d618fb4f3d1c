#pragma once

// MpscQueue<T>: any thread pushes, one pops; unbounded by itself (the Inbox above it slows the feeders, DESIGN: it never
// refuses). Every push takes a ticket (one fetch_add) and the consumer hands out contiguous tickets only, so that what
// was pushed before in the sense of happens-before is popped before, also between producers: moodycamel's
// ConcurrentQueue, which carries the items, promises that per producer only.
//
//   template <class T> class MpscQueue {
//     explicit MpscQueue(unsigned producers);               // numbered producers 0..n-1 get a ProducerToken each
//     void push(unsigned producer, T item);                 // one thread at a time per producer number
//     void push(T item);                                    // any thread
//     /// The next item in ticket order, or nullopt: empty, or its producer is between ticket and enqueue (it will be
//     /// popped by a later call; whoever pushes wakes the consumer afterwards).   Consumer only.
//     std::optional<T> pop();
//     bool looks_empty() const;                             // consumer only: nothing to pop now
//   };
