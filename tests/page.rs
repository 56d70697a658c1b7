//! The page of `summary --format html`: it holds what the other formats hold, nothing active, and works in a browser.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    fragments::{name, packet, pcap, udp},
    generator::captures::{Plan, Shape},
    material,
};

fn page(arguments: &[&str]) -> String {
    good(&[&["summary", "--format", "html"], arguments].concat())
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&good(&[&["summary", "--format", "json"], arguments].concat())).unwrap()
}

/// What stands between two texts, each time the first one is met.
fn between<'p>(page: &'p str, before: &str, behind: &str) -> Vec<&'p str> {
    page.split(before).skip(1).map(|rest| rest.split(behind).next().unwrap()).collect()
}

fn section<'p>(page: &'p str, id: &str) -> &'p str {
    between(page, &format!("<section id=\"{id}\""), "</section>")[0]
}

/// The rows of a table by the key in their head: the numbers that they are sorted by.
fn rows(table: &str) -> BTreeMap<String, Vec<String>> {
    let rows = between(table, "<tr", "</tr>").into_iter().filter(|row| row.contains("scope=\"row\""));
    let row = |row: &str| {
        let key = between(row, "<bdi>", "</bdi>")[0].replace("&lt;", "<").replace("&gt;", ">");
        let cells = between(row, "<td", ">").into_iter();
        (key, cells.filter_map(|cell| Some(between(cell, "data-v=\"", "\"").first()?.to_string())).collect())
    };
    rows.map(row).collect()
}

#[test]
fn rows_are_those_of_the_other_formats() {
    for sample in
        ["office.pcapng", "tls-ports.pcapng", "scan-udp.pcap", "mdns-announce.pcap", "dns-fragments.pcap"]
    {
        let page = page(&[sample]);
        for (id, by, octets) in [
            ("services", "service", 1),
            ("servers", "server", 2),
            ("clients", "client", 1),
            ("conversations", "conversation", 0),
        ] {
            let (shown, expected) = (rows(section(&page, id)), json(&["--by", by, sample]));
            let expected = expected["rows"].as_array().unwrap();
            assert_eq!(shown.len(), expected.len(), "{sample} {id}");
            for row in expected {
                let cells = &shown[row["key"].as_str().unwrap()];
                let [bytes, packets] = ["bytes", "packets"].map(|field| row[field].to_string());
                // Octets stand twice, as their share is sorted by them.
                assert_eq!(cells[octets..octets + 3], [bytes.clone(), bytes, packets], "{sample} {id} {row}");
            }
        }
        let steps = section(&page, "time");
        let all = between(steps, "<tr data-at=", "</tr>").into_iter().map(|row| {
            let cells: Vec<u64> =
                between(row, "data-v=\"", "\"").iter().map(|cell| cell.parse().unwrap()).collect();
            let (all, parts) = cells.split_last().unwrap();
            assert_eq!(parts.iter().sum::<u64>(), *all);
            *all
        });
        assert_eq!(all.sum::<u64>(), json(&[sample])["capture"]["bytes"].as_u64().unwrap(), "{sample}");
    }
}

#[test]
fn a_page_is_whole_and_asks_for_nothing() {
    let page = page(&["office.pcapng"]);
    for tag in ["script", "style"] {
        let text = between(&page, &format!("<{tag}>"), &format!("</{tag}>"));
        assert_eq!(text.len(), 1);
        let mut hash = [0; 44];
        let length = STANDARD.encode_slice(Sha256::digest(text[0].as_bytes()), &mut hash).unwrap();
        let hash = std::str::from_utf8(&hash[..length]).unwrap();
        assert!(page.contains(&format!("{tag}-src 'sha256-{hash}'")), "{tag}");
    }
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe-inline"));
    let markup = page.split("<script>").next().unwrap();
    let markup: String =
        markup.split("<style>").next().unwrap().to_owned() + markup.split("</style>").nth(1).unwrap();
    for attribute in [" style=", " src=", " onclick=", " onload=", "@import", "url("] {
        assert!(!markup.contains(attribute), "{attribute}");
    }
    let links = between(&page, "href=\"", "\"");
    assert!(links.iter().all(|link| link.starts_with('#') || *link == "data:,"), "{links:?}");
    // Every link leads somewhere, and every chart has a question above it and its figures in a table below.
    for link in links.iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    for chart in page.split("<section ").filter(|section| section.contains("role=\"img\"")) {
        let (question, table) = (chart.find("class=\"question\""), chart.find("<table"));
        assert!(question < chart.find("role=\"img\"") && table > chart.find("role=\"img\""));
    }
}

#[test]
fn a_page_tells_of_hosts_advertisements_and_damage() {
    let page = page(&["office.pcapng"]);
    let hosts = section(&page, "hosts");
    assert!(
        hosts.contains("printer.local")
            && hosts.contains("02-00-00-00-00-1E")
            && hosts.contains("mqtt 1883/tcp")
    );
    let inventory = section(&page, "dns-sd");
    for text in
        ["Office Printer", "_ipp._tcp", "rp=ipp/print", "printer.local:6631", "partial, no txt", "floor=3"]
    {
        assert!(inventory.contains(text), "{text}");
    }
    assert!(section(&page, "services").contains("mismatch: 45 packets"));
    assert!(section(&page, "quality").contains("All 212 packets were decoded to their end"));
    // Cut by the snap length, and cut short.
    let folder = Scratch::new("page-damage");
    let octets = fs::read(material::sample("http-get.pcap")).unwrap();
    let cut = folder.file("cut.pcap", &octets[..700]).display().to_string();
    let said = portolan(&["summary", "--format", "html", &cut]);
    assert_eq!(said.code, 4);
    let quality = section(&said.out, "quality");
    assert_eq!(quality.matches("packet 6, offset 524").count(), 1, "{quality}");
}

#[test]
fn selected_packets_separate_files_and_pipes_have_pages() {
    let count = page(&["-c", "10", "office.pcapng"]);
    assert!(count.contains("<dd>10</dd>") && count.contains("Only selected packets are counted here"));
    let shown = rows(section(&count, "services"));
    for row in json(&["-c", "10", "office.pcapng"])["rows"].as_array().unwrap() {
        assert_eq!(shown[row["key"].as_str().unwrap()][1], row["bytes"].to_string(), "{row}");
    }
    let both = page(&["--separate", "http-get.pcap", "http-get-v6.pcap"]);
    let sum = json(&["--separate", "http-get.pcap", "http-get-v6.pcap"]);
    let http = sum["rows"].as_array().unwrap().iter().find(|row| row["key"] == "http/tcp").unwrap();
    assert_eq!(rows(section(&both, "services"))["http/tcp"][1], http["bytes"].to_string());
    let piped = crate::cli::command(&["summary", "--format", "html", "-"])
        .stdin(fs::File::open(material::sample("office.pcapng")).unwrap())
        .output()
        .unwrap();
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.contains("names that were known when their packets came"));
    assert_eq!(rows(section(&piped, "services"))["mdns/udp"][1], "16775");
    // What else is asked for has a section of its own; rows are as many as are wanted.
    let by = page(&["--by", "vlan,transport", "--top", "2", "office.pcapng"]);
    assert!(section(&by, "by").contains("By vlan,transport") && section(&by, "by").contains("untagged tcp"));
    assert_eq!(rows(section(&by, "services")).len(), 2);
    assert!(
        section(&by, "quality").contains("Services: 14 of 16 rows are left out"),
        "{}",
        section(&by, "quality")
    );
}

#[test]
fn threads_and_steps_do_not_change_a_page() {
    let folder = Scratch::new("page-threads");
    let mut octets = Vec::new();
    Plan { packets: 200_000, flows: 3_000, ..Plan::new(Shape::Mix) }.write(&mut octets).unwrap();
    let file = folder.file("mix.pcap", &octets).display().to_string();
    let made = |arguments: &[&str]| {
        let page = page(&[arguments, &["-q", &file]].concat());
        page.split("<dt>Made by").next().unwrap().to_owned()
    };
    let one = made(&["--threads", "1"]);
    for more in
        [&["--threads", "2", "--min-stretch", "1000000"][..], &["--threads", "3", "--min-stretch", "3000000"]]
    {
        assert!(made(more) == one, "{more:?}");
    }
    let given = made(&["--interval", "3s"]);
    assert!(given.contains("Octets on the wire in each 3\u{a0}s"), "{}", section(&given, "time"));
}

#[test]
fn a_page_is_what_is_asked_for() {
    let folder = Scratch::new("page-file");
    let file = folder.0.join("report.html").display().to_string();
    assert_eq!(good(&["summary", "--format", "html", "office.pcapng", "-o", &file]), "");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("<!DOCTYPE html>") && written.ends_with("</html>\n"));
    assert!(
        written.contains("<dt>Made by</dt>")
            && written.contains("portolan summary --format html office.pcapng -o")
    );
    let said = portolan(&["summary", "office.pcapng", "-o", &file]);
    assert_eq!((said.code, said.error.contains("add --format html")), (2, true), "{}", said.error);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_large_capture_has_a_small_page() {
    let folder = Scratch::new("page-large");
    let mut octets = Vec::new();
    Plan { packets: 200_000, flows: 100_000, ..Plan::new(Shape::Small) }.write(&mut octets).unwrap();
    let file = folder.file("small.pcap", &octets).display().to_string();
    let said = portolan(&["summary", "--format", "html", "-q", &file]);
    let page = said.out;
    assert_eq!(said.code, 0, "{}", said.error);
    assert!(page.len() < 2_000_000, "{}", page.len());
    // How many there are is told, and how many are left out.
    let conversations = json(&["--by", "conversation", "-q", &file])["rows"].as_array().unwrap().len();
    let figure = |count: usize| format!("{}\u{202f}{:03}", count / 1000, count % 1000);
    let told = format!("Conversations: {} of {} rows", figure(conversations - 100), figure(conversations));
    assert!(section(&page, "quality").contains(&told), "{told}: {}", section(&page, "quality"));
    assert_eq!(rows(section(&page, "conversations")).len(), 100);
}

/// Names that a page must not take for anything but text.
const HOSTILE: [&str; 3] =
    ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(2)>", "a\u{202e}b\u{200b}\u{7}c"];

/// A capture in which a host, an instance, TXT data and a type have such names.
fn hostile_capture() -> Vec<u8> {
    let messages = HOSTILE.map(|text| {
        let (owner, host) = (name(&[text, "_ipp", "_tcp", "local"]), name(&[text, "local"]));
        let target = [&[0; 4][..], &80_u16.to_be_bytes(), &host].concat();
        let pair = format!("k={text}");
        let txt = [&[pair.len() as u8][..], pair.as_bytes()].concat();
        let kind = name(&["_ipp", "_tcp", "local"]);
        let mut message = b"\0\0\x84\0\0\0\0\x04\0\0\0\0".to_vec();
        let records: [(&[u8], u16, u16, &[u8]); 4] = [
            (&kind, 12, 1, &owner),
            (&owner, 33, 0x8001, &target),
            (&owner, 16, 0x8001, &txt),
            (&host, 1, 0x8001, &[192, 0, 2, 1]),
        ];
        for (owner, kind, class, data) in records {
            message.extend_from_slice(owner);
            message.extend(kind.to_be_bytes());
            message.extend(class.to_be_bytes());
            message.extend([0, 0, 0, 120]);
            message.extend((data.len() as u16).to_be_bytes());
            message.extend_from_slice(data);
        }
        let datagram = udp(5353, 5353, &message);
        packet(false, 0, 17, 1, &datagram, 0..datagram.len())
    });
    pcap(&messages)
}

/// The hostile capture under a hostile name, and a registry file that gives a service one.
fn hostile_page(folder: &Scratch) -> String {
    let file = folder.file("<b onclick=alert(3)>\u{202e}.pcap", &hostile_capture()).display().to_string();
    let layer = folder
        .file("layer", "pay\u{202e}<script>x 5353/udp # <i>\u{2066}\n".as_bytes())
        .display()
        .to_string();
    page(&["--registry", &layer, &file])
}

#[test]
fn nothing_of_a_stranger_is_active_on_a_page() {
    let page = hostile_page(&Scratch::new("page-hostile"));
    let hostile = page.chars().filter(|c| {
        use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
        matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator) && *c != '\n'
    });
    assert_eq!(hostile.count(), 0);
    // One script, at the end, and no element that a page has not of its own.
    assert_eq!(
        (page.matches("<script").count(), page.matches("<img").count(), page.matches("<b ").count()),
        (1, 0, 0)
    );
    assert!(!page.contains("<i>") && !page.contains("'><"));
    // All of it is there as text: a name, an instance and a pair each.
    let inventory = section(&page, "dns-sd");
    for (text, count) in
        [("&lt;script&gt;alert(1)&lt;/script&gt;", 3), (r"a\226\128\174b\226\128\139\007c", 3)]
    {
        assert!(inventory.matches(text).count() >= count, "{text}: {inventory}");
    }
    assert!(section(&page, "hosts").contains("&lt;script&gt;alert(1)"));
    assert!(
        section(&page, "services").contains(r"pay\226\128\174&lt;script&gt;x/udp"),
        "{}",
        section(&page, "services")
    );
    assert!(page.contains(r"<title>&lt;b onclick=alert(3)&gt;\226\128\174.pcap"));
}

/// Where `.ci/browser` puts what drives the browser.
fn browser() -> Result<PathBuf, String> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    if !modules.join("node_modules/playwright-core").exists() {
        return Err("playwright-core is not in target/browser".to_owned());
    }
    if !Path::new("/usr/bin/chromium").exists() {
        return Err("there is no /usr/bin/chromium".to_owned());
    }
    match Command::new("node").arg("--version").output() {
        Ok(run) if run.status.success() => Ok(modules),
        _ => Err("there is no node".to_owned()),
    }
}

#[test]
fn pages_work_in_a_browser() {
    let modules = match browser() {
        Ok(modules) => modules,
        Err(reason) => {
            assert!(std::env::var_os("PORTOLAN_BROWSER").is_none(), "{reason}");
            eprintln!("skipped: {reason}; .ci/browser installs it");
            return;
        }
    };
    let folder = Scratch::new("page-browser");
    let office = folder.file("office.html", page(&["office.pcapng"]).as_bytes());
    let hostile = folder.file("hostile.html", hostile_page(&folder).as_bytes());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browser.mjs");
    let differences = portolan(&["diff", "--format", "html", "mdns-announce.pcap", "office.pcapng"]);
    let differences = folder.file("diff.html", differences.out.as_bytes());
    let run =
        Command::new("node").arg(script).args([&modules, &office, &hostile, &differences]).output().unwrap();
    let said = [run.stdout, run.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    assert!(run.status.success(), "{said}");
}
