//! The command on a live interface: nginx and sshd in one network namespace, their clients in another.
//!
//! Needs root and the programs; says so and passes where they are missing.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) const SERVER: &str = "192.0.2.20";
const CLIENT: &str = "192.0.2.10";

/// Two namespaces joined by a veth pair, and what runs in them. All of it ends with the value.
pub(crate) struct Lab {
    pub(crate) server: String,
    client: String,
    /// The server's end of the pair.
    pub(crate) interface: String,
    pub(crate) directory: PathBuf,
    daemons: Vec<Child>,
}

/// Runs a command line and returns what it said, or why not.
pub(crate) fn run(line: &str) -> Result<Output, String> {
    let output =
        Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{line}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Asks until the answer is yes, for ten seconds at most.
fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < Duration::from_secs(10), "gave up waiting for {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

impl Lab {
    /// Annotates live into a file on a disk of this size until it ends, then has `look` look, in which `{program}` and `{folder}`
    /// stand for themselves: the exit code and what that said, and the log. `None`, with a printed reason, without such a disk.
    pub(crate) fn annotate_into(&self, size: &str, file: &str, look: &str) -> Option<(String, String)> {
        let (program, folder) = (env!("CARGO_BIN_EXE_portolan"), self.directory.join("small"));
        fs::create_dir(&folder).unwrap();
        let folder = folder.display().to_string();
        let look = look.replace("{program}", program).replace("{folder}", &folder);
        let script = format!(
            "mount -t tmpfs -o size={size} none {folder} || exit 99
             {program} annotate -i lan0 -w {folder}/{file} 2> {folder}.log; echo $?
             {look}"
        );
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.server, "unshare", "-m", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(60));
            self.talk();
        }
        if child.wait().unwrap().code() == Some(99) {
            eprintln!("skipped: a file system cannot be mounted here");
            return None;
        }
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        Some((said, fs::read_to_string(format!("{folder}.log")).unwrap()))
    }

    /// Builds the lab and starts both servers; `None` with a printed reason where that is not possible here.
    pub(crate) fn build(name: &str) -> Option<Self> {
        if run("test $(id -u) = 0").is_err() {
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        for program in ["ip", "nginx", "/usr/sbin/sshd", "ssh-keygen", "ssh-keyscan", "curl", "ss"] {
            if run(&format!("command -v {program}")).is_err() {
                eprintln!("skipped: {program} is not installed");
                return None;
            }
        }
        let id = format!("{name}{}", std::process::id());
        let lab = Self {
            server: format!("portolan-{id}-server"),
            client: format!("portolan-{id}-client"),
            interface: "lan0".into(),
            directory: env::temp_dir().join(format!("portolan-live-{id}")),
            daemons: Vec::new(),
        };
        if let Err(reason) = run(&format!("ip netns add {}", lab.server)) {
            eprintln!("skipped: no network namespaces here: {reason}");
            return None;
        }
        Some(lab.start())
    }

    fn start(mut self) -> Self {
        let (server, client, interface) = (&self.server, &self.client, &self.interface);
        let directory = self.directory.display().to_string();
        for line in [
            format!("ip netns add {client}"),
            format!("ip -n {server} link add {interface} type veth peer name lan0 netns {client}"),
            format!("ip -n {server} address add {SERVER}/24 dev {interface}"),
            format!("ip -n {client} address add {CLIENT}/24 dev lan0"),
            format!("ip -n {server} link set {interface} up"),
            format!("ip -n {client} link set lan0 up"),
            format!("mkdir -p {directory}/temporary"),
            format!("ssh-keygen -q -t ed25519 -N '' -f {directory}/key"),
        ] {
            run(&line).unwrap();
        }
        fs::write(self.directory.join("index.html"), "All printers ready.\n").unwrap();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|user| format!("{user}_temp_path {directory}/temporary;"))
            .concat();
        let configuration = format!(
            "daemon off; user root; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log;
             events {{ worker_connections 64; }}
             http {{ access_log off; {paths} server {{ listen 80; root {directory}; }} }}"
        );
        fs::write(self.directory.join("nginx.conf"), configuration).unwrap();
        self.daemon(&format!("exec nginx -e {directory}/error.log -c {directory}/nginx.conf"));
        // sshd insists on its own directory under /run, which a namespace of mounts gives it.
        self.daemon(&format!(
            "mount -t tmpfs none /run && mkdir -p /run/sshd &&
             exec /usr/sbin/sshd -D -e -f /dev/null -p 2222 -h {directory}/key -o PidFile=none -o UsePAM=no"
        ));
        for port in [80, 2222] {
            let ask = format!("ip netns exec {} ss -H -ltn 'sport = :{port}' | grep -q .", self.server);
            wait_for(&format!("a server on port {port}"), || run(&ask).is_ok());
        }
        self
    }

    /// Starts a command line in the server's namespace. `ip netns exec` becomes the shell and the shell the program,
    /// so that a signal to the child reaches it.
    pub(crate) fn daemon(&mut self, line: &str) {
        let log =
            fs::File::options().create(true).append(true).open(self.directory.join("daemons.log")).unwrap();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.server, "sh", "-c", line])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemons.push(child);
    }

    /// The process of the daemon that was started last.
    pub(crate) fn last_daemon(&self) -> u32 {
        self.daemons.last().map_or(0, Child::id)
    }

    /// Runs a command line in the client's namespace and returns what it printed.
    pub(crate) fn ask(&self, line: &str) -> String {
        let output = run(&format!("ip netns exec {} {line}", self.client)).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// One page from nginx, and sshd's host key.
    pub(crate) fn talk(&self) {
        assert_eq!(self.ask(&format!("curl -sS --max-time 5 http://{SERVER}/")), "All printers ready.\n");
        let key = self.ask(&format!("ssh-keyscan -T 5 -p 2222 -t ed25519 {SERVER}"));
        assert!(key.contains("ssh-ed25519"), "{key}");
    }

    /// Starts portolan in the server's namespace; returns once it says that it captures.
    pub(crate) fn portolan(&self, arguments: &[&str]) -> Running {
        self.portolan_on(&self.interface, "ethernet", arguments)
    }

    /// The same on any device, with its link type.
    pub(crate) fn portolan_on(&self, device: &str, link: &str, arguments: &[&str]) -> Running {
        self.portolan_told(&format!("{device} ({link})"), arguments)
    }

    /// The same where it says that it captures on this.
    pub(crate) fn portolan_told(&self, devices: &str, arguments: &[&str]) -> Running {
        let mut child = self.spawn(arguments);
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        errors.read_line(&mut first).unwrap();
        assert_eq!(first, format!("portolan: capturing on {devices}\n"));
        Running { child, errors }
    }

    /// The same without waiting for anything.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new("ip")
            .args(["netns", "exec", &self.server, env!("CARGO_BIN_EXE_portolan")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            // nginx's worker would outlive its master if that were killed.
            let _ = run(&format!("kill -TERM {}", daemon.id()));
            let _ = daemon.wait();
        }
        for namespace in [&self.server, &self.client] {
            let _ = run(&format!("ip netns pids {namespace} | xargs -r kill -KILL"));
            let _ = run(&format!("ip netns delete {namespace}"));
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// portolan at work; killed if the test fails.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// What it prints to standard error, after the line that says it captures.
    pub(crate) errors: BufReader<ChildStderr>,
}

impl Running {
    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(mut self) -> Ended {
        run(&format!("kill -INT {}", self.child.id())).unwrap();
        self.wait()
    }

    /// Waits for its end and takes what it printed: some lines of standard error fit into its pipe.
    pub(crate) fn wait(&mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.errors.read_to_string(&mut stderr).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Asks for its counters, and returns the lines it says up to them.
    pub(crate) fn counters(&mut self) -> Vec<String> {
        run(&format!("kill -USR1 {}", self.child.id())).unwrap();
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains("packets charted of")) {
            let mut line = String::new();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "{lines:?}");
            lines.push(line);
        }
        lines
    }
}

/// The row of a summary with this key.
fn row<'a>(summary: &'a Value, key: &str) -> &'a Value {
    let rows = summary["rows"].as_array().unwrap();
    rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no row {key} in {summary:#}"))
}

#[test]
fn summary_of_an_interface_ends_with_totals_on_interrupt() {
    let Some(lab) = Lab::build("s") else { return };
    let running = lab.portolan(&["summary", "-i", &lab.interface, "--format", "json"]);
    lab.talk();
    // What the kernel still holds is read before the end, so nothing needs to be waited for.
    let ended = running.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["schema"], "portolan/summary/1");
    let http = row(&summary, "http/tcp");
    assert_eq!((&http["name"], &http["transport"]), (&"http".into(), &"tcp".into()));
    assert_eq!(http["flows"], 1, "{http:#}");
    // A connection with a page takes at least: three to open, two of data, two to close.
    assert!(http["packets"].as_u64().unwrap() >= 7, "{http:#}");
    assert_eq!(http["evidence"]["payload"], http["packets"]);

    // IANA has 2222/tcp for EtherNet/IP; sshd answers there, and says so.
    let other = row(&summary, "ssh/tcp");
    assert_eq!((&other["evidence"]["payload"], &other["mismatch"]), (&other["packets"], &other["packets"]));

    let total = |key: &str| -> u64 {
        summary["rows"].as_array().unwrap().iter().map(|row| row[key].as_u64().unwrap()).sum()
    };
    assert_eq!(summary["capture"]["packets"], total("packets"));
    assert_eq!(summary["capture"]["bytes"], total("bytes"));

    // Losses are told even when there are none.
    assert!(ended.stderr.contains("kernel") && ended.stderr.contains("interface"), "{}", ended.stderr);
}

#[test]
fn annotating_an_interface_names_the_serving_side_by_the_handshake() {
    let Some(lab) = Lab::build("a") else { return };
    let running = lab.portolan(&["annotate", "-i", &lab.interface, "--format", "json"]);
    lab.talk();
    let ended = running.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let records: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    // Until the octets tell, IANA's name for 2222/tcp is all there is.
    for (port, name, before) in [(80, "http", "http"), (2222, "ssh", "EtherNet-IP-1")] {
        let side = |end: &str, address: &str| -> Vec<&Value> {
            records
                .iter()
                .filter(|record| record[end]["port"] == port && record[end]["ip"] == address)
                .collect()
        };
        let (to, from) = (side("destination", SERVER), side("source", SERVER));
        assert!(to.len() >= 3 && from.len() >= 3, "port {port}: {} to, {} from", to.len(), from.len());
        for (records, side) in [(to, "destination"), (from, "source")] {
            for record in &records {
                let service = &record["svc"];
                let named = if service["evidence"] == "payload" { name } else { before };
                assert_eq!(service["name"], named, "{record:#}");
                assert_eq!(service["port"], port, "{record:#}");
                assert_eq!(service["side"], side, "{record:#}");
                assert_eq!(service["rule"], "handshake", "{record:#}");
            }
            let evidence = |record: &&Value| record["svc"]["evidence"].clone();
            assert_eq!(records.last().map(evidence), Some("payload".into()), "{records:#?}");
        }
    }
    // Every packet has its own number, without gaps.
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["frame"]["number"], index as u64 + 1);
    }
}

#[test]
fn a_live_run_ends_by_itself_after_its_packets_or_its_time() {
    let Some(lab) = Lab::build("e") else { return };
    let mut running =
        lab.portolan(&["summary", "-i", &lab.interface, "--format", "json", "-c", "5", "-f", "tcp port 80"]);
    lab.talk();
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(summary["capture"]["packets"], 5);
    assert_eq!(row(&summary, "http/tcp")["packets"], 5);
    assert_eq!(ended.stderr.matches("what the filter drops teaches nothing").count(), 1, "{ended:?}");

    let start = Instant::now();
    let mut running =
        lab.portolan(&["summary", "-i", &lab.interface, "--format", "json", "--duration", "1s"]);
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!((1..5).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[test]
fn any_tells_the_interface_of_each_packet() {
    let Some(lab) = Lab::build("y") else { return };
    let file = lab.directory.join("any.pcapng").display().to_string();
    let json = lab.portolan_on(
        "any",
        "linux-sll2",
        &["summary", "-i", "any", "--by", "interface", "--format", "json"],
    );
    let written = lab.portolan_on("any", "linux-sll2", &["annotate", "-i", "any", "-w", &file]);
    lab.talk();
    let (ended, written) = (json.interrupt(), written.interrupt());
    assert_eq!((ended.code, written.code), (Some(0), Some(0)), "{ended:?} {written:?}");
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    let packets = &row(&summary, "lan0")["packets"];
    assert!(packets.as_u64().unwrap() > 20, "{summary:#}");
    assert_eq!(summary["capture"]["dropped"], serde_json::json!({"kernel": 0, "interface": 0}));
    assert!(summary["capture"]["received"].as_u64() >= packets.as_u64());

    // The names are in the file, too.
    let read = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["annotate", "--format", "json", &file])
        .output()
        .unwrap();
    for line in String::from_utf8(read.stdout).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&record["interface"]["name"], &record["frame"]["link"]),
            (&"lan0".into(), &"linux-sll2".into())
        );
    }
}

#[test]
fn a_silent_interface_tells_its_counters_and_the_table_so_far() {
    let Some(lab) = Lab::build("u") else { return };
    let mut table = lab.portolan(&["summary", "-i", &lab.interface, "-f", "tcp port 80 or 2222"]);
    let filter = "tcp port 80 or 2222";
    let mut intervals = lab.portolan(&["summary", "-i", &lab.interface, "--interval", "1h", "-f", filter]);
    let mut lines = lab.portolan(&["annotate", "-i", &lab.interface, "-f", filter]);
    lab.talk();
    // Nothing more comes, and what came is handed over within a tenth of a second.
    thread::sleep(Duration::from_millis(500));
    for running in [&mut table, &mut intervals] {
        let told = running.counters();
        let rows = told
            .iter()
            .filter(|line| line.starts_with(" ssh/tcp ") || line.starts_with(" http/tcp "))
            .count();
        assert_eq!(rows, 2, "{told:?}");
    }
    let told = lines.counters();
    assert!(told.last().unwrap().starts_with("portolan: note: "), "{told:?}");
    // They go on, and a look does not change what they say in the end.
    lab.talk();
    let ended = table.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ssh = ended.stdout.lines().find(|line| line.starts_with(" ssh/tcp ")).unwrap();
    assert!(ssh.contains("payload") && !ended.stdout.contains("EtherNet-IP"), "{}", ended.stdout);
    assert_eq!((intervals.interrupt().code, lines.interrupt().code), (Some(0), Some(0)));
}

/// What was captured cannot be had again: a full disk keeps what fitted, whole and under the target's name.
#[test]
fn a_full_disk_keeps_what_fitted() {
    let Some(lab) = Lab::build("d") else { return };
    let look = "ls {folder}; {program} summary --format json {folder}/x.pcapng";
    let Some((said, log)) = lab.annotate_into("64k", "x.pcapng", look) else { return };
    assert!(said.starts_with("8\nx.pcapng\n{"), "{said} {log}");
    let summary: Value = serde_json::from_str(&said["8\nx.pcapng\n".len()..]).unwrap();
    assert!(summary["capture"]["packets"].as_u64().unwrap() > 50, "{summary:#}");
    assert!(log.contains("cannot write: ") && log.contains("kept in "), "{log}");
}

/// The example of the library, which ends by itself.
#[test]
fn the_example_names_packets_for_as_long_as_it_is_told() {
    let Some(program) = crate::examples::example("live") else { return };
    let Some(lab) = Lab::build("x") else { return };
    let mut child = Command::new("ip")
        .args(["netns", "exec", &lab.server])
        .arg(program)
        .args([&lab.interface, "2", "tcp port 80"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // It does not say when it begins, so it is talked to until it has seen something.
    let talked = wait_for_line(&lab, &mut lines);
    // In which direction, and by which rule, depends on the packet it begins with.
    assert!(
        talked.contains("  80/tcp http (")
            && (talked.contains(", registered") || talked.contains(", payload")),
        "{talked}"
    );
    let last = lines.last().unwrap();
    assert!(last.contains(" packets, lost: Some(Losses"), "{last}");
    assert!(child.wait().unwrap().success());
}

/// The first line that comes while the client talks.
fn wait_for_line(lab: &Lab, lines: &mut (impl Iterator<Item = String> + Send)) -> String {
    thread::scope(|scope| {
        let first = scope.spawn(|| lines.next().unwrap());
        while !first.is_finished() {
            lab.talk();
        }
        first.join().unwrap()
    })
}

#[test]
fn an_interface_that_is_not_there_has_its_own_exit_code() {
    let output = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["summary", "-i", "portolan-none0"])
        .output()
        .unwrap();
    // Without root the missing permission may be found first.
    let codes: &[i32] = if run("test $(id -u) = 0").is_ok() { &[7] } else { &[6, 7] };
    assert!(codes.contains(&output.status.code().unwrap()), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("portolan-none0"), "{output:?}");
}

/// Each interval is written when it is over, as one object a line; those that are left at the end behind them.
#[test]
fn intervals_of_an_interface_are_written_as_they_close() {
    let Some(lab) = Lab::build("i") else { return };
    let arguments =
        ["summary", "-i", &lab.interface, "--interval", "1s", "--format", "json", "-f", "tcp port 80"];
    let mut running = lab.portolan(&arguments);
    lab.talk();
    // It goes on meanwhile.
    let mut stdout = BufReader::new(running.child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(running.child.try_wait().unwrap().is_none());
    lab.talk();
    run(&format!("kill -INT {}", running.child.id())).unwrap();
    stdout.read_to_string(&mut line).unwrap();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    let objects: Vec<Value> = line.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut starts, mut packets) = (Vec::new(), 0);
    for interval in objects.iter().flat_map(|object| object["intervals"].as_array().unwrap()) {
        starts.push(interval["start"].as_str().unwrap().to_owned());
        let rows = interval["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["key"] == "http/tcp"), "{interval:#}");
        packets += rows.iter().map(|row| row["packets"].as_u64().unwrap()).sum::<u64>();
    }
    assert!(starts.len() >= 2 && starts.is_sorted_by(|a, b| a < b), "{starts:?}");
    assert_eq!(objects.last().unwrap()["capture"]["packets"], packets);
    assert!(packets >= 14, "two pages: {packets}");
}

/// No packet is lost between the files of a ring, and each has the names that were known by its end.
#[test]
fn an_interface_fills_a_ring() {
    let Some(lab) = Lab::build("r") else { return };
    let path = lab.directory.join("cap.pcapng").display().to_string();
    let arguments = ["annotate", "-i", &lab.interface, "-w", &path, "--rotate-interval", "1s", "-f", "tcp"];
    let running = lab.portolan(&arguments);
    lab.talk();
    thread::sleep(Duration::from_millis(1100));
    lab.talk();
    run(&format!("kill -USR2 {}", running.child.id())).unwrap();
    lab.talk();
    let ended = running.interrupt();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut files: Vec<_> =
        fs::read_dir(&lab.directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "pcapng"));
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    assert!(ended.stderr.contains(&format!("files written: {}", files.len())), "{ended:?}");
    let count = |file: &PathBuf| {
        let said = Command::new(env!("CARGO_BIN_EXE_portolan"))
            .args(["summary", "--format", "json"])
            .arg(file)
            .output();
        let said = said.unwrap();
        assert!(said.status.success(), "{file:?}");
        serde_json::from_slice::<Value>(&said.stdout).unwrap()["capture"]["packets"].as_u64().unwrap()
    };
    let all: u64 = files.iter().map(count).sum();
    // "N packets charted of M that passed the filter"
    let counters = ended.stderr.lines().find(|line| line.contains("packets charted")).unwrap();
    let charted: u64 = counters.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert_eq!(all, charted, "{counters}");
    assert!(counters.contains("0 lost in the kernel"), "{counters}");
}

/// Prometheus is answered while a run goes on, by whichever command.
#[test]
#[cfg(feature = "metrics")]
fn metrics_are_answered_while_an_interface_is_watched() {
    let Some(lab) = Lab::build("m") else { return };
    run(&format!("ip -n {} link set lo up", lab.server)).unwrap();
    for command in [&["summary"][..], &["annotate", "-o", "/dev/null"], &["flows"]] {
        let arguments = [command, &["-i", &lab.interface, "--metrics", "127.0.0.1:0"]].concat();
        let mut running = lab.portolan(&arguments);
        let mut line = String::new();
        running.errors.read_line(&mut line).unwrap();
        let url =
            line.trim().strip_prefix("portolan: metrics on ").unwrap().strip_suffix("/metrics").unwrap();
        lab.talk();
        let get = |path: &str| {
            let ask = format!(
                "ip netns exec {} curl -sS --max-time 10 -w '%{{http_code}}' {url}{path}",
                lab.server
            );
            String::from_utf8(run(&ask).unwrap().stdout).unwrap()
        };
        assert_eq!(get("/healthz"), "ok\n200");
        assert!(get("/other").ends_with("404"));
        let text = get("/metrics");
        assert!(text.ends_with("# EOF\n200"), "{text}");
        let value = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
        };
        // A connection with a page takes at least: three to open, two of data, two to close.
        assert!(value(r#"portolan_service_packets{service="http/tcp",evidence="payload"}"#) >= 7, "{text}");
        assert_eq!(value(r#"portolan_service_flows{service="http/tcp",evidence="payload"}"#), 1);
        assert_eq!(value(r#"portolan_dropped_packets_total{place="kernel"}"#), 0);
        assert!(value("portolan_packets_total") >= value("portolan_five_tuples"));
        assert!(value("portolan_received_packets_total") >= 7);
        let ended = running.interrupt();
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}
