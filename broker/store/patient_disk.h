#pragma once

namespace bramble {

/// SQLite's own way to the disk with three differences. A name that SQLite cannot follow from the root of the file
/// system is taken as it is given. A read that the disk refuses (a cable, a card that resets itself) is tried again,
/// for ten seconds; then it is SQLITE_IOERR_READ, whatever the system's reason: SQLite takes some of them for damage.
/// Each place that stays bad halves the time for the next, so that a disk with many is read before long. And what is
/// written in a row is gathered until it has to be there: until it is read, synced, cut, measured or closed
/// (gathered_writes.h), where errors come then. So a file must be one connection's own, or synced before others look
/// (`synchronous` FULL).
/// Gives its name, for sqlite3_open_v2(). It stands before SQLite's default, which a test may have put there: then a
/// refused read is not waited for.
/// Threads: any.
const char* patient_disk();

}  // namespace bramble
