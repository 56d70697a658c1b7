#!/usr/bin/env bash
# usage: tests/laboratory.sh DIRECTORY   (as root)
# The lab of samples/lab.sh with servers on their own ports and on those of others, a client of each, refusals and
# scans. Writes DIRECTORY/bridge.pcap (all that the bridge carried), DIRECTORY/listening.tsv (who listened: address, port,
# transport, program) and DIRECTORY/absent (one line per program that is not on this machine and was left out).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../samples" && pwd)

if [[ ${1-} != --inside ]]; then
    work=$(mktemp -d /tmp/portolan-laboratory.XXXXXX)
    chmod 711 "$work"
    trap 'status=$?; ((status == 0)) || tail -n 5 "$work"/*-*.log >&2; rm -rf "$work"' EXIT
    # Namespaces of its own: whatever happens inside, nothing survives this command.
    timeout --signal=KILL 160 unshare --net --mount --pid --fork --kill-child --mount-proc \
        bash "${BASH_SOURCE[0]}" --inside "$work" "$(cd "$1" && pwd)"
    exit
fi

work=$2
out=$3
export TZ=UTC LC_ALL=C.UTF-8
# shellcheck source=samples/lab.sh
source "$here/lab.sh"
: >"$out/absent"

# have PROGRAM NEEDED…: whether a server is here, with the client that talks to it; else it is noted as absent.
have() {
    local program
    for program in "$@"; do
        [[ -x $(type -P "$program") ]] || {
            echo "$1" >>"$out/absent"
            return 1
        }
    done
}

build_bridge
for host in gate desk printer annex; do build_host "$host"; done
hosts=(gate desk printer annex)
make_pages_and_keys
tcpdump -Z root -U -B 8192 --immediate-mode -n -i br0 -w "$out/bridge.pcap" 2>"$work/bridge-tcpdump.log" &
recorder=$!
until_true grep -q 'listening on' "$work/bridge-tcpdump.log"

# Each block: servers, then what their clients ask of them.
web=no
if have nginx curl; then
    web=yes
    annex_web
    for address in 192.0.2.50 '[2001:db8::50]'; do
        for port in 80 8000 22222 49200; do web desk "http://$address:$port/"; done
        for port in 443 9443 22; do web desk "https://$address:$port/"; done
    done
fi
if have sshd ssh; then
    annex_shells
    for port in 2222 8443; do remote_shell $port 192.0.2.50; done
fi
if have redis-server redis-cli; then
    annex_redis
    client desk redis-cli -h 192.0.2.50 -p 9999 set toner 80
fi
dns=no
if have dnsmasq dig; then
    dns=yes
    start_dns 300
    start_other_dns
    name_server 192.0.2.1 53 server.office.example A
    name_server 192.0.2.1 53 +tcp server.office.example A
    name_server 192.0.2.1 5300 server.office.example A
fi
if have mosquitto mosquitto_pub; then
    annex_broker
    if [[ $dns == yes ]]; then
        name_server 192.0.2.1 53 _mqtt._tcp.office.example SRV
        name_server 192.0.2.1 53 annex.office.example A
    fi
    for port in 1883 18830; do client desk mosquitto_pub -h 192.0.2.50 -p $port -t shelf/3 -m 'out of paper'; done
fi
if have iperf3; then
    annex_speed
    for port in 5201 33333; do measure 192.0.2.50 $port; done
fi
# Debian keeps it out of the path.
PATH=$PATH:$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
if have postgres psql; then
    annex_database
    query 192.0.2.50 50432 disable
fi
if have chronyd; then
    start_time
    client desk chronyd -Q -x -t 3 -u root -f /dev/null 'server 192.0.2.1 iburst maxsamples 2' 'cmdport 0' "pidfile $work/desk/chronyd.pid"
fi
# Who looks only after an announcement learns of both ports of the printer.
if have avahi-daemon avahi-browse dbus-daemon; then
    for host in desk printer; do start_bus $host; done
    if [[ $web == yes ]]; then
        start_printer 49500
        describe_services 49500
    fi
    for host in desk printer; do start_avahi $host; done
    sleep 2
    if have ippeveprinter curl; then
        start_ipp 6310
        sleep 2
        ask_printer 192.0.2.30 6310
    fi
    client desk avahi-browse -rpt _http._tcp
    if [[ $web == yes ]]; then web desk http://192.0.2.30:49500/status/; fi
fi
serving >"$out/listening.tsv"

# Nobody listens on these.
if have curl; then
    for _ in 1 2; do in_vain curl -sS --max-time 5 http://192.0.2.50:8123/; done
fi
if have nmap; then
    closed=21,23,25,53,110,111,135,139,143,389,445,465,587,631,993,995,1433,1521,3306,3389,5060,5432,5900,6379,8080,11211,27017
    for kind in -sS -sA -sF -sN; do scan 192.0.2.50 $closed $kind; done
    scan 192.0.2.50 $closed -sS --data-length 24
    at annex bash -c 'echo 0 >/proc/sys/net/ipv4/icmp_ratemask'
    scan 192.0.2.50 53,69,123,137,161,500,514,1900 -sU
fi
sleep 0.5
kill -INT $recorder
wait $recorder || true
