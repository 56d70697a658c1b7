//! `registry update` against a server of this test's own that tells the truth, lies, stalls, and serves half a file.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    capture::Scratch,
    cli::{Said, command, said},
};

/// Answers each connection by `answer`, on a port of this machine; the address of it.
fn serve(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/ports.csv", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            answer(&mut stream);
        }
    });
    address
}

/// An answer with a length that may be another than that of what follows.
fn answer(status: &str, len: Option<usize>, body: &[u8]) -> Vec<u8> {
    let length = len.map_or_else(String::new, |len| format!("Content-Length: {len}\r\n"));
    [format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n").as_bytes(), body].concat()
}

/// The registry as IANA has it: the built-in one's, with one row more that is newer than all others.
fn newer() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("registry/service-names-port-numbers.csv");
    let text = fs::read_to_string(file).unwrap();
    let columns = text.lines().next().unwrap().split(',').count();
    assert!(columns >= 4, "{columns}");
    let header = "Service Name,Port Number,Transport Protocol,Description,Assignee,Contact,Registration Date,\
                  Modification Date,Reference,Service Code,Unauthorized Use Reported,Assignment Notes\n";
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let names: Vec<_> = rows.headers().unwrap().iter().map(ToOwned::to_owned).collect();
    let mut out = csv::WriterBuilder::new().from_writer(header.as_bytes().to_vec());
    for row in rows.records() {
        let row = row.unwrap();
        let cell = |name: &str| {
            names.iter().position(|known| known == name).and_then(|at| row.get(at)).unwrap_or("")
        };
        let cells = header.trim_end().split(',').map(cell);
        out.write_record(cells).unwrap();
    }
    let mut octets = out.into_inner().unwrap();
    octets.extend(b"payroll-test,49100,tcp,Payroll,,,2099-01-02,,,,,\n");
    octets
}

struct Home(Scratch);

impl Home {
    fn new(name: &str) -> Self {
        Self(Scratch::new(name))
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(command(arguments).env("XDG_DATA_HOME", &self.0.0).env_remove("http_proxy").output().unwrap())
    }

    fn update(&self, from: &str) -> Said {
        self.run(&["registry", "update", "--from", from, "--timeout", "2s"])
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.0.0.join("portolan"));
        folder.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn a_newer_registry_is_used_from_then_on() {
    let home = Home::new("update-newer");
    let body = newer();
    let from = serve(move |stream| stream.write_all(&answer("200 OK", Some(body.len()), &body)).unwrap());
    let before = home.run(&["registry", "lookup", "49100/tcp"]);
    let said = home.update(&from);
    assert_eq!((said.code, said.error.as_str()), (0, ""));
    let file = home.0.0.join("portolan/registry.csv");
    assert!(said.out.contains(&format!("of 2099-01-02 are kept in {}", file.display())), "{}", said.out);
    let after = home.run(&["registry", "lookup", "49100/tcp"]);
    assert!(!before.out.contains("payroll-test") && after.out.contains("payroll-test"), "{}", after.out);
    let info: serde_json::Value =
        serde_json::from_str(&home.run(&["registry", "info", "--format", "json"]).out).unwrap();
    assert_eq!(info["registry"]["updated"], "2099-01-02");
    assert_eq!(info["registry"]["source"], file.display().to_string());
    // It is of the future, by the clock of whoever runs this.
    assert_eq!(info["registry"]["age_days"], 0);
    assert_eq!(home.files(), [file]);
}

/// What is refused leaves the registry in use as it is, and nothing beside it.
#[test]
fn lies_and_halves_are_refused() {
    let home = Home::new("update-lies");
    let whole = newer();
    let half = whole[..whole.len() / 2].to_vec();
    let end = half.iter().rposition(|&octet| octet == b'\n').unwrap() + 1;
    let older: Vec<u8> = String::from_utf8(whole.clone()).unwrap().replace("2099-01-02", "1999-01-02").into();
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "a page",
            answer("200 OK", None, b"<!DOCTYPE html><p>Log in</p>"),
            "what came is not IANA's CSV of the port registry",
        ),
        ("nothing", answer("200 OK", Some(0), b""), "what came is not IANA's CSV of the port registry"),
        ("no such file", answer("404 Not Found", Some(0), b""), "the server answers 404"),
        ("cut by length", answer("200 OK", Some(whole.len()), &half), ""),
        ("whole rows of it", answer("200 OK", None, &half[..end]), "not all of it came"),
        ("older", answer("200 OK", None, &older), "older than the registry in use"),
        ("in a circle", answer("302 Found\r\nLocation: /ports.csv", Some(0), b""), ""),
        ("no HTTP", b"220 ready\r\n".to_vec(), ""),
    ];
    for (what, octets, reason) in cases {
        let from = serve(move |stream| drop(stream.write_all(&octets)));
        let said = home.update(&from);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{what}: {}", said.error);
        let lines: Vec<_> = said.error.lines().collect();
        assert!(
            lines[0].starts_with(&format!("portolan: {from}: ")) && lines[0].contains(reason),
            "{what}: {lines:?}"
        );
        let hint = "portolan: hint: the registry in use stays: built-in, of 2026-09-30; ";
        assert!(lines.len() == 2 && lines[1].starts_with(hint), "{what}: {lines:?}");
        assert_eq!(home.files(), [""; 0].map(PathBuf::from), "{what}");
    }
}

#[test]
fn what_stalls_and_what_never_ends_is_given_up() {
    let home = Home::new("update-stalls");
    let silent = serve(|_| thread::sleep(Duration::from_secs(30)));
    let slow = serve(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nService Name,Port Number,Transport Protocol,").unwrap();
        thread::sleep(Duration::from_secs(30));
    });
    for from in [&silent, &slow] {
        let began = Instant::now();
        let said = home.update(from);
        let expected = format!("portolan: {from}: it did not come within 2 s\n");
        assert!(said.code == 3 && said.error.starts_with(&expected), "{}", said.error);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    let endless = serve(|stream| {
        let mut line = b"a,1,tcp,x,,,,,,,,\n".repeat(1 << 12);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nService Name,Port Number,Transport Protocol,\n");
        while stream.write_all(&line).is_ok() {
            line.rotate_left(18);
        }
    });
    let said = home.run(&["registry", "update", "--from", &endless, "--timeout", "60s"]);
    assert!(said.code == 3 && said.error.contains("more than 33554432 octets"), "{}", said.error);
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = home.update(&format!("http://{gone}/x"));
    assert!(said.code == 3 && said.error.contains("refused"), "{}", said.error);
    assert_eq!(home.files(), [""; 0].map(PathBuf::from));
}
