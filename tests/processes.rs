//! `--processes`: which program of this host owns the local end of a flow, with real servers in a network namespace.
//!
//! Needs root; says so and passes elsewhere.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use portolan::{
    record::fields::PACKET,
    report::flows::fields::FLOW,
    text::field::{Field, Need},
};
use serde_json::Value;

use crate::live::{Lab, Running, SERVER, run};

/// A page from nginx through a connection that waits for some seconds before it asks: long enough for several looks, on a machine
/// that has much to do, too.
const SLOW: &str =
    "exec 3<>/dev/tcp/192.0.2.20/80; sleep 5; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";

impl Lab {
    /// What is asked of the servers: at once, slowly, and by programs of the server's host that are gone at once.
    fn talk_to_processes(&self) {
        self.talk();
        fs::write(self.directory.join("slow"), SLOW).unwrap();
        let page = self.ask(&format!("bash {}", self.directory.join("slow").display()));
        assert!(page.ends_with("All printers ready.\n"), "{page}");
        for _ in 0..10 {
            let line = format!("ip netns exec {} bash -c 'echo x > /dev/udp/192.0.2.10/9'", self.server);
            run(&line).unwrap();
        }
    }
}

/// The records that a live run of JSON lines printed, after it was interrupted.
fn ended(running: Running) -> Vec<Value> {
    let ended = running.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a record is of a flow with this port of the server.
fn is_of(record: &Value, port: u16) -> bool {
    ["source", "destination"].iter().any(|end| record[end]["ip"] == SERVER && record[end]["port"] == port)
}

/// Every field that only `--processes` brings is met, and those of its objects are in the table.
fn check_fields<G: Copy>(records: &[Value], fields: &[Field<G>]) {
    let wanted: BTreeSet<_> = fields
        .iter()
        .filter(|field| field.need == Some(Need::Processes))
        .map(|field| field.path.to_owned())
        .collect();
    let mut met = BTreeSet::new();
    for record in records {
        for object in ["process", "user"] {
            let members = record[object].as_object().into_iter().flatten();
            met.extend(members.map(|(name, _)| format!("{object}.{name}")));
        }
    }
    assert_eq!(met, wanted);
}

#[test]
fn packets_have_the_processes_of_the_local_ends() {
    let Some(lab) = Lab::build("pa") else { return };
    let running = lab.portolan(&[
        "annotate",
        "-i",
        &lab.interface,
        "--processes",
        "--user",
        "nobody",
        "--format",
        "json",
    ]);
    // One thread keeps what it needs to look at processes of others, and nobody else has anything.
    let tasks = fs::read_dir(format!("/proc/{}/task", running.child.id())).unwrap();
    let mut kept = Vec::new();
    for task in tasks {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().to_owned()
        };
        assert_eq!((field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()), ("1", "2"));
        assert!(field("Uid:").starts_with("65534"), "{status}");
        // CAP_DAC_READ_SEARCH is 2, CAP_SYS_PTRACE 19 (capability.h).
        let looks = field("Name:") == "processes";
        let wanted = if looks { "0000000000080004" } else { "0000000000000000" };
        assert_eq!((field("CapEff:").as_str(), field("CapPrm:").as_str()), (wanted, wanted), "{status}");
        kept.push(looks);
    }
    assert_eq!(kept.iter().filter(|&&looks| looks).count(), 1);
    lab.talk_to_processes();
    let records = ended(running);
    check_fields(&records, &PACKET);

    for (port, name) in [(80, "nginx"), (2222, "sshd")] {
        let of_port: Vec<_> = records.iter().filter(|record| is_of(record, port)).collect();
        assert!(of_port.len() > 10, "{}", of_port.len());
        for record in of_port {
            // Its socket listens, which outranks the handshake.
            assert_eq!(record["svc"]["rule"], "listening", "{record}");
            let server = if record["source"]["ip"] == SERVER { "source" } else { "destination" };
            let process = &record["process"];
            assert_eq!((&record["svc"]["side"], &process["end"]), (&server.into(), &server.into()));
            // Newer ones hand a connection over to a program of that name.
            assert!(process["name"].as_str().unwrap().starts_with(name), "{record}");
            // What root's process shares with one of another user has no user.
            let user = &record["user"]["name"];
            assert!(
                *user == "root" || user.is_null() && process["pid"].is_null() && port == 2222,
                "{record}"
            );
        }
    }
    // The listening socket is held by master and worker, a connection by the worker alone.
    let of_nginx = |evidence: &str| {
        let records = records.iter().filter(|record| is_of(record, 80));
        let pids = records.filter(|record| record["process"]["known_by"] == evidence);
        pids.map(|record| record["process"]["pid"].as_u64()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of_nginx("port"), [None].into());
    let workers = of_nginx("connection");
    let pid = workers.first().unwrap().unwrap();
    assert_eq!(
        (workers.len(), fs::read_to_string(format!("/proc/{pid}/comm")).unwrap()),
        (1, "nginx\n".to_owned())
    );

    // Programs that were gone before anybody looked are unknown; if one was met in its moment, it is the shell.
    let short: Vec<_> = records.iter().filter(|record| record["destination"]["port"] == 9).collect();
    assert_eq!(short.len(), 10);
    let unknown = short.iter().filter(|record| record["process"]["known_by"] == "unknown");
    assert!(unknown.clone().all(|record| record["process"]["name"].is_null() && record["user"].is_null()));
    assert!(unknown.count() >= 5);
    assert!(short.iter().all(|record| [Value::Null, "bash".into()].contains(&record["process"]["name"])));
}

#[test]
fn flows_and_hosts_have_processes() {
    let Some(lab) = Lab::build("pb") else { return };
    let flows = lab.portolan(&["flows", "-i", &lab.interface, "--processes", "--format", "json"]);
    let hosts = lab.portolan(&["hosts", "-i", &lab.interface, "--processes", "--format", "json"]);
    let lines = lab.portolan(&["flows", "-i", &lab.interface, "--processes"]);
    lab.talk_to_processes();
    let records = ended(flows);
    check_fields(&records, &FLOW);
    let of_ssh: Vec<_> = records.iter().filter(|record| is_of(record, 2222)).collect();
    assert!(!of_ssh.is_empty() && of_ssh.iter().all(|record| record["process"]["end"] == "destination"));
    let hosts: Value = serde_json::from_str(&hosts.interrupt().stdout).unwrap();
    let of = |address: &str| {
        let hosts = hosts["hosts"].as_array().unwrap();
        let host = hosts.iter().find(|host| host["addresses"].to_string().contains(address)).unwrap();
        host["processes"].as_array().map(Vec::as_slice).unwrap_or_default().to_vec()
    };
    let programs = of(SERVER);
    assert!(programs.contains(&"nginx".into()) && programs.contains(&"sshd".into()), "{programs:?}");
    assert!(of("192.0.2.10").is_empty());
    let lines = lines.interrupt().stdout;
    let line = lines
        .lines()
        .find(|line| line.contains(" 192.0.2.20:80 ") || line.contains("> 192.0.2.20:80"))
        .unwrap();
    assert!(line.contains(" by nginx"), "{line}");
}

/// A connection of this host to itself: the process is that of the end that serves.
#[test]
fn the_serving_end_of_two_local_ones_is_told() {
    let Some(mut lab) = Lab::build("pc") else { return };
    run(&format!("ip -n {} link set lo up", lab.server)).unwrap();
    // An odd port that nothing is registered for.
    lab.daemon("exec python3 -m http.server 48123 --bind 127.0.0.1");
    let pid = lab.last_daemon();
    let server = lab.server.clone();
    let ask = format!("ip netns exec {server} curl -sS --max-time 5 -o /dev/null http://127.0.0.1:48123/");
    for _ in 0..100 {
        if run(&ask).is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let running =
        lab.portolan_on("lo", "ethernet", &["annotate", "-i", "lo", "--processes", "--format", "csv"]);
    run(&ask).unwrap();
    let said = running.interrupt();
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut rows = csv::Reader::from_reader(said.stdout.as_bytes());
    let header = rows.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let columns =
        ["svc_port", "svc_rule", "process_name", "process_pid", "svc_side", "process_end"].map(column);
    let mut met = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let [port, rule, name, number, side, end] = columns.map(|at| row[at].to_owned());
        assert_eq!((port.as_str(), rule.as_str(), side.as_str()), ("48123", "listening", end.as_str()));
        assert!(name.starts_with("python3"), "{name}");
        assert_eq!(number, pid.to_string());
        met += 1;
    }
    assert!(met > 6, "{met}");
}
