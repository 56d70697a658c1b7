# The lab of samples/record.sh: hosts in network namespaces on one bridge, and the programs on them.
# Sourced inside a namespace of its own (network, mounts, processes): all of it ends with that shell.
#
# gate     192.0.2.1   2001:db8::1    dnsmasq (DNS, DHCP), chronyd
# desk     192.0.2.10  2001:db8::10   the clients, avahi-daemon, sshd
# server   192.0.2.20  2001:db8::20   nginx, sshd, mosquitto, redis, PostgreSQL, snmpd, in.tftpd, vsftpd
# printer  192.0.2.30  2001:db8::30   avahi-daemon, nginx, ippeveprinter
# guest    asks for its address

declare -A pid_of=()
hosts=(gate desk server printer guest)
declare -A number_of=([gate]=1 [desk]=10 [server]=20 [printer]=30 [guest]=40)

# way_to HOST: sets `way`, the command prefix that runs something on that host. A program started with it
# in the background is the shell's own child, which a signal reaches.
way_to() {
    way=(nsenter --target "${pid_of[$1]}" --net --uts --mount --)
}

# at HOST COMMAND…: runs it on that host.
at() {
    local way
    way_to "$1"
    "${way[@]}" "${@:2}"
}

# Waits until a command succeeds; gives up after ten seconds.
until_true() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "gave up waiting for: $*" >&2
    return 1
}

# daemon HOST NAME COMMAND…: starts a program that stays; its words go to NAME.log.
daemon() {
    local host=$1 name=$2 way
    shift 2
    way_to "$host"
    "${way[@]}" "$@" >"$work/$host-$name.log" 2>&1 </dev/null &
    printf -v "daemon_${host}_${name//-/_}" %s $!
}

# stop HOST NAME: ends it as its service manager would, and waits.
stop() {
    local variable="daemon_${1}_${2//-/_}"
    kill -TERM "${!variable}"
    wait "${!variable}" || true
}

# listening HOST tcp|udp PORT
listening() {
    at "$1" ss -H -ln "--$2" "sport = :$3" | grep -q .
}

build_bridge() {
    ip link set lo up
    ip link add br0 type bridge mcast_snooping 0 forward_delay 0
    # The bridge only listens: its own address solicitations would be in every capture.
    echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6
    ip link set br0 address 02:00:00:00:00:ff up
}

# build_host NAME: namespaces with a private /run, an own host name, and eth0 on the bridge.
build_host() {
    local host=$1 number=${number_of[$1]}
    unshare --net --uts --mount sleep infinity &
    pid_of[$host]=$!
    # It sleeps once it has entered them.
    until_true grep -qx sleep "/proc/${pid_of[$host]}/comm"

    ip link add "$host" type veth peer name eth0 netns "${pid_of[$host]}"
    echo 1 >"/proc/sys/net/ipv6/conf/$host/disable_ipv6"
    ip link set "$host" master br0 up
    # Octets leave as on a real wire: whole checksums, no segment longer than the MTU.
    at "$host" ethtool -K eth0 tx off gso off tso off gro off >/dev/null
    ethtool -K "$host" tx off gso off tso off gro off >/dev/null

    mkdir -p "$work/$host"
    printf 'nameserver 192.0.2.1\nsearch office.example\noptions timeout:1 attempts:1\n' >"$work/$host/resolv.conf"
    printf '%s\n' '127.0.0.1 localhost' "192.0.2.$number $host.local $host" "2001:db8::$number $host.local $host" >"$work/$host/hosts"
    at "$host" bash -c "
        hostname $host
        mount -t tmpfs -o mode=755 none /run
        mkdir -p /run/sshd /run/dbus /run/avahi-daemon /run/lock
        mount --bind '$work/$host/hosts' /etc/hosts
        mount --bind '$work/$host/resolv.conf' \$(readlink -f /etc/resolv.conf 2>/dev/null || echo /etc/resolv.conf)
        echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra
        echo 0 >/proc/sys/net/ipv6/conf/eth0/router_solicitations
        echo '49154 49200' | tr ' ' , >/proc/sys/net/ipv4/ip_local_reserved_ports
        ip link set lo up
        ip link set eth0 address 02:00:00:00:00:$(printf %02x "$number") up"
    if [[ $host != guest ]]; then
        at "$host" ip address add "192.0.2.$number/24" dev eth0
        at "$host" ip address add "2001:db8::$number/64" dev eth0 nodad
        if [[ $host != gate ]]; then
            at "$host" ip route add default via 192.0.2.1
            at "$host" ip -6 route add default via 2001:db8::1
        fi
    fi
}

# start_dns TTL: names and leases. dnsmasq's own default for local names is a TTL of zero.
start_dns() {
    local texts=() number
    for number in {1..12}; do
        texts+=("--txt-record=inventory.office.example,shelf $number: $(printf '%0200d' "$number")")
    done
    daemon gate dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file= \
        --no-hosts --no-resolv --local-ttl="$1" --local=/office.example/ --domain=office.example --edns-packet-max=4096 \
        --host-record=server.office.example,192.0.2.20,2001:db8::20 \
        --host-record=gate.office.example,192.0.2.1,2001:db8::1 \
        --srv-host=_caldav._tcp.office.example,server.office.example,8800,0,5 \
        --ptr-record=_caldav._tcp.office.example,"Office Calendar._caldav._tcp.office.example" \
        --srv-host="Office Calendar._caldav._tcp.office.example",server.office.example,8800,0,5 \
        --txt-record="Office Calendar._caldav._tcp.office.example",path=/calendar/ \
        "${texts[@]}" \
        --dhcp-range=192.0.2.100,192.0.2.120,1h --dhcp-leasefile="$work/gate/leases" --dhcp-authoritative \
        --no-ping
    until_true listening gate udp 53
}

# The time of day.
start_time() {
    printf '%s\n' 'local stratum 8' 'allow' 'cmdport 0' "pidfile $work/gate/chronyd.pid" >"$work/gate/chrony.conf"
    # -x: it tells the time and never sets this machine's clock.
    daemon gate chronyd chronyd -x -d -u root -f "$work/gate/chrony.conf"
    until_true listening gate udp 123
}

# nginx_conf HOST SERVER-BLOCKS: all state under the work directory.
nginx_conf() {
    local host=$1
    mkdir -p "$work/$host/nginx"
    cat >"$work/$host/nginx.conf" <<CONF
daemon off; user root; worker_processes 1; pid $work/$host/nginx.pid; error_log $work/$host/nginx-error.log;
events { worker_connections 64; }
http {
    access_log off; server_tokens off;
    client_body_temp_path $work/$host/nginx; proxy_temp_path $work/$host/nginx;
    fastcgi_temp_path $work/$host/nginx; uwsgi_temp_path $work/$host/nginx; scgi_temp_path $work/$host/nginx;
    ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    default_type text/plain; root $work/pages;
    $2
}
CONF
    # A log that is absent at start would otherwise be looked for under /var/log.
    daemon "$host" nginx nginx -e "$work/$host/nginx-error.log" -c "$work/$host/nginx.conf"
}

# start_sshd HOST PORT-FLAGS
start_sshd() {
    local host=$1
    shift
    daemon "$host" sshd /usr/sbin/sshd -D -e -f /dev/null "$@" -h "$work/host-key" -o PidFile=none -o UsePAM=no \
        -o StrictModes=no -o AuthorizedKeysFile="$work/authorized" -o PermitTunnel=yes -o UseDNS=no
}

start_server() {
    mkdir -p "$work/pages/status" "$work/server/tftp"
    echo 'All printers ready.' >"$work/pages/index.html"
    echo 'Toner: 80 percent.' >"$work/pages/status/index.html"
    head -c 1500 /dev/zero | tr '\0' 'k' >"$work/server/tftp/boot.cfg"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=server.office.example -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    nginx_conf server '
    server { listen 80; listen [::]:80; listen 8800; listen [::]:8800; }
    server { listen 443 ssl; listen [::]:443 ssl; listen 8443 ssl; listen [::]:8443 ssl; }'

    ssh-keygen -q -t ed25519 -N '' -C lab -f "$work/host-key"
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$work/user-key"
    cp "$work/user-key.pub" "$work/authorized"
    start_sshd server -p 22 -p 2222

    printf '%s\n' 'listener 1883' 'allow_anonymous true' 'user root' 'persistence false' >"$work/server/mosquitto.conf"
    daemon server mosquitto mosquitto -c "$work/server/mosquitto.conf"

    daemon server redis redis-server --port 6379 --bind 0.0.0.0 :: --protected-mode no --save '' --dir "$work/server"

    local bin data="$work/server/postgres"
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
    install -d -o postgres "$data"
    setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/initdb" -D "$data" -A trust -U lab >"$work/initdb.log"
    echo 'host all all all trust' >>"$data/pg_hba.conf"
    daemon server postgres setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$data" \
        -c "listen_addresses=*" -c unix_socket_directories= -c fsync=off

    printf '%s\n' 'rocommunity public' 'rocommunity6 public' 'sysName server' 'sysLocation third floor' \
        'agentAddress udp:161,udp6:161' >"$work/server/snmpd.conf"
    daemon server snmpd snmpd -f -Lo -C -c "$work/server/snmpd.conf" -p "$work/server/snmpd.pid"

    daemon server tftpd in.tftpd --foreground --listen --user root --secure "$work/server/tftp"

    install -d "$work/server/ftp" "$work/server/empty"
    echo 'Read me first.' >"$work/server/ftp/readme.txt"
    printf '%s\n' listen=NO listen_ipv6=YES background=NO anonymous_enable=YES no_anon_password=YES \
        "anon_root=$work/server/ftp" "secure_chroot_dir=$work/server/empty" seccomp_sandbox=NO \
        pasv_min_port=49200 pasv_max_port=49200 xferlog_enable=NO >"$work/server/vsftpd.conf"
    daemon server vsftpd vsftpd "$work/server/vsftpd.conf"

    local port
    for port in 21 22 80 443 1883 2222 5432 6379 8443 8800; do until_true listening server tcp "$port"; done
    for port in 69 161; do until_true listening server udp "$port"; done
}

# start_bus HOST: a message bus of its own; avahi and its clients meet there.
start_bus() {
    cat >"$work/$1/bus.conf" <<CONF
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/></policy></busconfig>
CONF
    daemon "$1" bus dbus-daemon --config-file="$work/$1/bus.conf" --nofork --nopidfile
    until_true at "$1" test -S /run/dbus/system_bus_socket
}

# start_avahi HOST: announces what lies in $work/HOST/services.
start_avahi() {
    local host=$1
    mkdir -p "$work/$host/services"
    cat >"$work/$host/avahi.conf" <<CONF
[server]
host-name=$host
use-ipv4=yes
use-ipv6=yes
allow-interfaces=eth0
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=yes
publish-workstation=no
CONF
    at "$host" mountpoint -q /etc/avahi/services || at "$host" mount --bind "$work/$host/services" /etc/avahi/services
    daemon "$host" avahi avahi-daemon --file="$work/$host/avahi.conf" --no-drop-root --no-chroot --no-rlimits
    until_true at "$host" test -S /run/avahi-daemon/socket
}

# advertise HOST FILE NAME SERVICE-ELEMENTS
advertise() {
    mkdir -p "$work/$1/services"
    cat >"$work/$1/services/$2.service" <<XML
<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name replace-wildcards="yes">$3</name>$4</service-group>
XML
}

start_printer() {
    nginx_conf printer 'server { listen 49154; listen [::]:49154; }'
    until_true listening printer tcp 49154
}

start_desk() {
    start_sshd desk -p 22
    until_true listening desk tcp 22
}

describe_services() {
    advertise printer pages 'Printer pages on %h' '<service><type>_http._tcp</type>
        <subtype>_printer._sub._http._tcp</subtype><port>49154</port>
        <txt-record>path=/status/</txt-record><txt-record>floor=3</txt-record></service>'
    # A name with dots, blanks and letters beyond ASCII; keys without and with an empty value.
    advertise desk files 'Zoë’s files, v2.1 (3rd floor)' '<service><type>_sftp-ssh._tcp</type><port>22</port>
        <txt-record>u=zoe</txt-record><txt-record>p=</txt-record><txt-record>readonly</txt-record></service>
        <service><type>_label-maker._udp</type><port>40404</port></service>'
}

# A printer in software that registers itself with avahi under _ipp._tcp and its subtypes.
start_ipp() {
    mkdir -p "$work/printer/spool"
    daemon printer ipp ippeveprinter -p 6631 -n printer.local -s 10,5 -f application/pdf,image/urf \
        -l 'Third floor' -M Lab -m Model-1 -d "$work/printer/spool" 'Office Printer'
    until_true listening printer tcp 6631
}

# Every socket that serves, on every host: address, port, transport, program. The kernel's own have none.
serving() {
    local host addresses
    for host in "${hosts[@]}"; do
        addresses=$(printf '%s\n' 127.0.0.1 ::1
            at "$host" ip -o address show scope global | awk '{sub("/.*","",$4); print $4}'
            at "$host" ip -o -6 address show scope link | awk '{sub("/.*","",$4); print $4}')
        at "$host" ss -H -lntup | awk -v addresses="$addresses" '
            { split($5, place, /%/); port = $5; sub(/.*:/, "", port)
              local = $5; sub(/:[0-9]+$/, "", local); sub(/%.*/, "", local); gsub(/[][]/, "", local)
              program = "kernel"; if (match($0, /\(\("[^"]+/)) program = substr($0, RSTART + 3, RLENGTH - 3)
              count = split(addresses, list, "\n")
              for (i = 1; i <= count; i++) {
                  if (local == "*" || (local == "0.0.0.0" && list[i] !~ /:/) || (local == "::" && list[i] ~ /:/) || local == list[i])
                      print list[i] "\t" port "\t" $1 "\t" program } }'
    done | sort -u
}
