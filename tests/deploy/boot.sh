#!/bin/bash
# In a Debian that systemd has booted: the package with its service. Prints `ok` or `FAIL` and a sentence, a line each.
# Nothing here waits longer than a minute.
conf=/etc/bramble/bramble.conf
check() {  # what it is, and the command that has to succeed
  local what=$1
  shift
  if said=$("$@" 2>&1); then echo "ok   $what"; else echo "FAIL $what: $said"; fi
}
is() { [ "$1" = "$2" ] || { echo "[$1], not [$2]"; return 1; }; }
within_a_minute() { for _ in {1..240}; do "$@" >/dev/null 2>&1 && return; sleep .25; done; "$@"; }
of() { systemctl show -P "$1" bramble; }
answers() { bramble-ctl ping || { cat /etc/hosts; getent ahosts localhost; return 1; }; }
back_since() { [ "$(of MainPID)" != "$1" ] && answers; }  # as another process
trying() { is "$(of SubState)" auto-restart; }
active() { is "$(systemctl is-active bramble)" active; }
niceness_of() { for each in /proc/$1/task/*; do grep -q "^$2\$" $each/comm && awk '{print $19}' $each/stat; done; }
password_threads_are_nice() { is "$(niceness_of "$1" passwords | sort -u)" 10; }
status_of() { stat -c '%U %a' "$1"; }
# Connects again and again until the file goes; what was refused is written to it.
knock() { while [ -e /tmp/knock ]; do (exec 3<>/dev/tcp/127.0.0.1/1883) 2>/dev/null || echo refused >>/tmp/refused; done; }
none_refused_while() {
  touch /tmp/knock; rm -f /tmp/refused
  knock & local knocks=$!
  "$@"; local status=$?
  rm /tmp/knock; wait $knocks
  [ $status = 0 ] && ! [ -e /tmp/refused ] || { wc -l /tmp/refused; return 1; }
}
restarts() { for _ in 1 2 3; do systemctl restart bramble || return; done; answers; }

# somebody has the port
/root/bramble/usr/bin/bramble -q -p 1883 & other=$!
check 'the package is installed although the port is taken' dpkg -i /root/bramble.deb
check 'the service goes on trying' within_a_minute trying
check 'and says why' within_a_minute sh -c 'journalctl -u bramble | grep -q "Cannot listen on port 1883"'
kill $other; wait $other 2>/dev/null
check 'it runs once the port is free' within_a_minute active
check 'it is enabled' is "$(systemctl is-enabled bramble)" enabled
check 'it answers' answers
check 'its status says where it listens' sh -c 'systemctl status bramble | grep -q "Status: \"Listens on 127.0.0.1:1883"'
pid=$(of MainPID)
check 'it runs as its account' is "$(stat -c %U /proc/$pid)" bramble
check 'without capabilities' is "$(awk '/CapEff/ {print $2}' /proc/$pid/status)" 0000000000000000
check 'with a filter for system calls' is "$(awk '/^Seccomp:/ {print $2}' /proc/$pid/status)" 2
check 'its data is its own' is "$(status_of /var/lib/bramble) $(status_of /var/lib/bramble/bramble.db)" "bramble 750 bramble 600"
check 'root may ask who is there' bramble-ctl clients -c $conf --count
check 'it logs to the journal, without a time of its own' sh -c 'journalctl -u bramble -o cat | grep -q "^bramble version .* listens on"'

printf 'listener 1884\npassword_file /etc/bramble/passwd\n' >/etc/bramble/conf.d/users.conf
check 'a reload is taken' systemctl reload bramble
check 'the threads that check passwords give way' within_a_minute password_threads_are_nice "$pid"
rm /etc/bramble/conf.d/users.conf
systemctl reload bramble
check 'nobody is refused while it is restarted' none_refused_while restarts
check 'the manager holds its sockets' test "$(of NFileDescriptorStore)" -ge 1
pid=$(of MainPID)
kill -9 "$pid"
check 'it is back after a kill' within_a_minute back_since "$pid"

mkdir -p /etc/systemd/system/bramble.service.d
printf '[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n' >/etc/systemd/system/bramble.service.d/soon.conf
systemctl daemon-reload
systemctl restart bramble
pid=$(of MainPID)
sleep 5  # twice as long as the manager waits
check 'one that turns is left alone by the watchdog' is "$(of MainPID)" "$pid"
kill -STOP "$pid"
check 'one that hangs is begun anew' within_a_minute back_since "$pid"
check 'by the watchdog' sh -c 'journalctl -u bramble | grep -q "Watchdog timeout"'

echo '# mine' >>$conf
check 'nobody is refused while a newer package comes' none_refused_while dpkg -i /root/newer.deb
check 'it is the newer one' sh -c 'dpkg-query -W bramble | grep -q "+newer"'
check 'a changed configuration stays as it is' grep -q '^# mine$' $conf
check 'it answers after that' answers
check 'it ends in order' systemctl stop bramble
check 'with success' is "$(of Result) $(of ExecMainStatus)" 'success 0'
check 'its exposure is small' systemd-analyze security --threshold=25 bramble.service
systemctl start bramble
check 'it is removed' dpkg --remove bramble
check 'and runs no more' is "$(systemctl is-active bramble)" inactive
check 'its configuration and data are left' test -e $conf -a -e /var/lib/bramble/bramble.db
check 'it is purged' dpkg --purge bramble
check 'no unit has failed' is "$(systemctl --failed --no-legend | wc -l)" 0
