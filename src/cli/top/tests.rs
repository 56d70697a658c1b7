//! The screen as it is drawn of replayed files, and what keys do to it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
};

use portolan::{
    Job, Registry, View,
    capture::{self, Clock, Replay},
    pipeline::Inputs,
    report::top::{Chosen, MOST_ROWS, Topic, needs},
    select::{Bound, Predicate, Window, packets},
    sink::Unseen,
};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Color,
};

use super::{
    app::{App, Sort},
    history::{History, MOST_PICTURES, Picture},
    teller::Teller,
};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// The pictures of a file, one a second of its time.
fn pictures(file: &Path) -> Vec<Arc<Picture>> {
    chosen_pictures(file, |_| {})
}

/// The same of packets that are chosen.
fn chosen_pictures(file: &Path, choose: impl FnOnce(&mut Job<'_>)) -> Vec<Arc<Picture>> {
    let registry = Registry::built_in();
    let clock = Arc::new(Clock::new(0.0));
    let replay = Replay::new(capture::open(file).unwrap(), Arc::clone(&clock));
    let mut job = Job::new(Inputs::Live(Box::new(replay)), &registry);
    choose(&mut job);
    let (all, shown, stop) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    let put = |picture| all.lock().unwrap().push(picture);
    let chosen = Chosen::new(needs(), &registry, job.selects());
    let mut teller = Teller::new(Some(clock), chosen.clone(), &shown, &stop, &put);
    teller.rests = false;
    let (knowledge, answers, outcome) = job.follow(needs(), chosen, &mut Unseen, &teller).unwrap();
    assert!(outcome.errors.is_empty());
    teller.end(&View { knowledge: &knowledge, answers: &answers, registry: &registry }, None);
    drop(teller);
    all.into_inner().unwrap()
}

/// A screen that has seen a sample to its end.
fn app(name: &str) -> App {
    let mut app = App::new(name, Some(Arc::new(Clock::new(0.0))), false);
    pictures(&sample(name)).into_iter().for_each(|picture| app.take(picture));
    app
}

fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            '\t' => KeyCode::Tab,
            c => KeyCode::Char(c),
        };
        app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
}

fn drawn(app: &App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.draw(frame)).unwrap();
    terminal
}

/// The lines of the screen.
fn lines(app: &App, width: u16, height: u16) -> Vec<String> {
    let terminal = drawn(app, width, height);
    let text = terminal.backend().to_string();
    text.lines().map(|line| line.trim_matches('"').trim_end().to_owned()).collect()
}

/// Compares a screen with the one that is committed; `UPDATE_GOLDEN=1` writes it anew.
fn check(app: &App, name: &str, width: u16, height: u16) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/cli/top/snapshots")
        .join(format!("{name}-{width}x{height}.txt"));
    let text = lines(app, width, height).join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{}", file.display());
}

#[test]
fn the_office_is_drawn_as_it_was() {
    let mut app = app("office.pcapng");
    for (key, name) in ["services", "flows", "hosts", "domains", "dns-sd", "events", "evidence", "limits"]
        .into_iter()
        .enumerate()
        .map(|(n, name)| (n + 1, name))
    {
        press(&mut app, &key.to_string());
        check(&app, &format!("office-{name}"), 80, 24);
        check(&app, &format!("office-{name}"), 200, 50);
    }
    press(&mut app, "1\n");
    check(&app, "office-details", 80, 24);
    press(&mut app, "\n?");
    check(&app, "help", 80, 24);
}

#[test]
fn the_manual_shows_screens_as_they_are_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("docs/top.md")).unwrap();
    let screens: Vec<_> =
        manual.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let drawn: Vec<_> = fs::read_dir(root.join("src/cli/top/snapshots"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert_eq!(screens.len(), 10);
    for screen in screens {
        assert!(drawn.iter().any(|drawn| drawn == screen), "{screen}");
    }
}

#[test]
fn pictures_are_a_second_apart_and_the_last_one_has_all_packets() {
    let file = sample("office.pcapng");
    let pictures = pictures(&file);
    let mut source = capture::open(&file).unwrap();
    let (mut batch, mut times, mut octets) = (portolan::packet::Batch::new(), Vec::new(), 0);
    while capture::Source::fill(&mut source, &mut batch).unwrap() {
        times.extend(batch.frames().filter_map(|frame| frame.time).map(|time| time.0));
        octets += batch.frames().map(|frame| u64::from(frame.original_len)).sum::<u64>();
    }
    let last = pictures.last().unwrap();
    assert_eq!((last.packets, last.octets), (times.len() as u64, octets));
    assert!(last.is_last);
    for picture in &pictures[..pictures.len() - 1] {
        // All packets up to the clock, and none behind it.
        let before = times.iter().filter(|&&time| time <= picture.time).count();
        assert_eq!(picture.packets, before as u64, "{}", picture.time);
        assert!(!picture.is_last);
    }
    for pair in pictures[..pictures.len() - 1].windows(2) {
        assert!(pair[1].time - pair[0].time >= 1_000_000_000);
    }
    // Every octet is in a row of services, and every one of IP packets between two ends in a flow.
    let services: u64 = last.rows[0].rows.iter().map(|row| row.octets).sum();
    assert_eq!(services, octets);
}

#[test]
fn keys_choose_what_is_shown() {
    let mut app = app("office.pcapng");
    press(&mut app, "3");
    assert_eq!(app.topic, 2);
    press(&mut app, "\t");
    assert_eq!(app.topic, 3);
    press(&mut app, "1s");
    assert_eq!(app.sort, Sort::Rate);
    press(&mut app, "ss");
    assert_eq!(app.sort, Sort::Name);
    let names = |app: &App| app.rows(0).iter().map(|shown| shown.row.cell(0).to_owned()).collect::<Vec<_>>();
    let sorted = names(&app);
    assert!(sorted.len() > 2 && sorted.is_sorted());
    press(&mut app, "S");
    assert_eq!(names(&app), sorted.into_iter().rev().collect::<Vec<_>>());
    press(&mut app, "sS");
    let octets: Vec<_> = app.rows(0).iter().map(|shown| shown.row.octets).collect();
    assert!(octets.is_sorted_by(|a, b| a >= b));
    press(&mut app, "q");
    assert!(app.is_done);
}

#[test]
fn words_choose_rows_and_keys_are_no_keys_while_they_are_typed() {
    let mut app = app("office.pcapng");
    let all = app.rows(0).len();
    press(&mut app, "/mdnsq");
    assert!(app.is_typing && !app.is_done);
    assert!(app.rows(0).is_empty());
    press(&mut app, "\u{8}\n");
    let rows: Vec<_> = app.rows(0).iter().map(|shown| shown.row.cell(0).to_owned()).collect();
    assert_eq!(rows, ["mdns/udp"]);
    press(&mut app, "\u{1b}");
    assert_eq!(app.rows(0).len(), all);
}

#[test]
fn an_expression_chooses_rows_by_what_their_records_say() {
    let mut app = app("office.pcapng");
    let cells =
        |app: &App, cell| app.rows(0).iter().map(|shown| shown.row.cell(cell).to_owned()).collect::<Vec<_>>();
    press(&mut app, "2/svc.name == https and destination.port == 443\n");
    assert!(!app.is_typing);
    let to = cells(&app, 1);
    assert!(!to.is_empty() && to.iter().all(|to| to.ends_with(":443")), "{to:?}");
    // Each topic has a choice of its own.
    press(&mut app, "3/offers.port == 53\n");
    let hosts = cells(&app, 2);
    assert!(!hosts.is_empty() && hosts.iter().all(|offers| offers.contains("53/")), "{hosts:?}");
    press(&mut app, "2");
    assert_eq!(cells(&app, 1), to);
    // What is wrong is told, and rows stay until it is mended.
    press(&mut app, "/");
    press(&mut app, &"\u{8}".repeat(60));
    press(&mut app, "svc.nmae == 1\n");
    assert!(app.is_typing);
    let foot = lines(&app, 120, 24);
    assert_eq!(foot[22], "/svc.nmae == 1▏");
    assert_eq!(foot[23], " ^^^^^^^^ there is no field `svc.nmae`; did you mean `svc.name`?");
    check(&app, "office-fault", 80, 24);
    // Behind a long one, what is wrong is told before it.
    press(&mut app, &"\u{8}".repeat(14));
    let long = "svc.name == https and destination.port == 443 and network.packets > 10 and foo == 1";
    press(&mut app, long);
    let foot = lines(&app, 80, 24);
    assert_eq!(foot[22], format!("/{long}▏").chars().skip(5).collect::<String>());
    assert!(foot[23].starts_with("there is no field `foo`") && foot[23].ends_with(" ^^^"), "{}", foot[23]);
    let column = |line: &str, text: &str| line.find(text).map(|at| line[..at].chars().count());
    assert_eq!(column(&foot[22], "foo"), column(&foot[23], "^^^"));
    press(&mut app, &"\u{8}".repeat(long.len()));
    press(&mut app, "svc.nmae == 1\n");
    press(&mut app, "\u{1b}");
    assert!(!app.is_typing && cells(&app, 1).len() > to.len());
}

/// What is chosen is counted alone, and named as among all others.
#[test]
fn packets_are_chosen_and_counted_alone() {
    let file = sample("office.pcapng");
    let mut source = capture::open(&file).unwrap();
    let (mut batch, mut frames) = (portolan::packet::Batch::new(), Vec::new());
    while capture::Source::fill(&mut source, &mut batch).unwrap() {
        frames.extend(batch.frames().map(|frame| (frame.time.unwrap().0, u64::from(frame.original_len))));
    }
    let sum = |frames: &[(u64, u64)]| (frames.len() as u64, frames.iter().map(|frame| frame.1).sum::<u64>());
    let of = |choose: fn(&mut Job<'_>)| chosen_pictures(&file, choose).pop().unwrap();
    let all = of(|_| {});
    let keys = |picture: &Picture, topic: usize| {
        picture.rows[topic].rows.iter().map(|row| row.key().to_owned()).collect::<Vec<_>>()
    };

    let few = of(|job| job.count = Some(10));
    assert_eq!((few.packets, few.octets), sum(&frames[..10]));

    let late = of(|job| job.window = Window { from: Some(Bound::parse("+2s").unwrap()), to: None });
    let within: Vec<_> =
        frames.iter().copied().filter(|frame| frame.0 >= frames[0].0 + 2_000_000_000).collect();
    assert!(!within.is_empty() && within.len() < frames.len());
    assert_eq!((late.packets, late.octets), sum(&within));

    // Packets without octets tell nothing of what is spoken: who is named by that is named by the others.
    let small = of(|job| job.accept = Some(Box::new(|frame| Ok(frame.original_len < 70))));
    let short: Vec<_> = frames.iter().copied().filter(|frame| frame.1 < 70).collect();
    assert_eq!((small.packets, small.octets), sum(&short));
    assert!(keys(&small, 0).iter().all(|key| keys(&all, 0).contains(key)), "{:?}", keys(&small, 0));
    assert!(keys(&small, 0).contains(&"ssh/tcp".to_owned()));

    let wanted = of(|job| job.wanted = Some(Predicate::new("svc.name == https", &packets()).unwrap()));
    assert_eq!(keys(&wanted, 0), ["https/tcp"]);
    let row = |picture: &Picture| {
        let row = picture.rows[0].get("https/tcp").unwrap();
        (row.packets, row.octets, row.record().to_owned())
    };
    assert_eq!(row(&wanted), row(&all));
    assert_eq!((wanted.packets, wanted.octets), (row(&all).0, row(&all).1));
    // Names of hosts come from all packets.
    let named = |picture: &Picture, address: &str| picture.rows[2].get(address).unwrap().cell(1).to_owned();
    assert_eq!(named(&wanted, "192.0.2.20"), named(&all, "192.0.2.20"));
}

/// What is known of a flow is looked up where the knowledge is, and shown with the picture.
#[test]
fn a_flow_is_explained_and_followed() {
    let registry = Registry::built_in();
    let clock = Arc::new(Clock::new(0.0));
    let replay = Replay::new(capture::open(sample("office.pcapng")).unwrap(), Arc::clone(&clock));
    let mut job = Job::new(Inputs::Live(Box::new(replay)), &registry);
    let (app, shown, stop) =
        (Mutex::new(App::new("office", None, false)), AtomicUsize::new(0), AtomicBool::new(false));
    let put = |picture| app.lock().unwrap().take(picture);
    let chosen = Chosen::new(needs(), &registry, false);
    let mut teller = Teller::new(Some(clock), chosen.clone(), &shown, &stop, &put);
    teller.rests = false;
    let (knowledge, answers, _) = job.follow(needs(), chosen, &mut Unseen, &teller).unwrap();
    let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
    teller.end(&view, None);
    press(&mut app.lock().unwrap(), "2/svc.name == ipp and destination.port == 6631\n\n");
    let key = app.lock().unwrap().looked_at();
    assert!(key.is_some());
    *teller.looked_at.lock().unwrap() = key;
    let pictures = app.lock().unwrap().history.ends();
    std::thread::scope(|scope| {
        scope.spawn(|| teller.serve(&view));
        while app.lock().unwrap().look(key).is_none() {
            std::thread::yield_now();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    drop(teller);
    let mut app = app.into_inner().unwrap();
    // It is the last picture with more in it, no further one.
    assert_eq!(app.history.ends(), pictures);
    let text = lines(&app, 100, 40).join("\n");
    assert!(text.contains("decided by advertised: "), "{text}");
    assert!(text.contains("named ipp (advertised)"), "{text}");
    press(&mut app, "\nf");
    check(&app, "office-followed", 80, 24);
    press(&mut app, "\u{1b}");
    assert!(app.followed.is_none());
}

#[test]
fn what_is_shown_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app("office.pcapng");
    app.exports = folder.path().to_owned();
    press(&mut app, "2/svc.name == https\nxXX");
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let last = app.picture().unwrap().time / 1_000_000_000;
    assert_eq!(names.len(), 3, "{names:?}");
    let stamp =
        names[0].strip_prefix("portolan-flows-").and_then(|rest| rest.strip_suffix("-2.csv")).unwrap();
    assert_eq!(names[1..], [format!("portolan-flows-{stamp}.csv"), format!("portolan-flows-{stamp}.json")]);
    let time = portolan::text::time::machine_time(portolan::packet::Timestamp(last * 1_000_000_000));
    assert_eq!(stamp, time.replace(['-', ':'], "").replace(".000000000", ""));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let rows = app.rows(0);
    let json = read(&names[2]);
    assert_eq!(json.lines().count(), rows.len());
    for (line, shown) in json.lines().zip(&rows) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["svc"]["name"], "https");
        assert_eq!(value["network"]["bytes"], shown.row.octets);
    }
    let csv = read(&names[1]);
    assert_eq!(csv.lines().next(), Some("from,to,service,known_by,state,packets,up,down"));
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert_eq!(csv, read(&names[0]));
    drop(rows);
    app.exports = folder.path().join("missing");
    press(&mut app, "x");
    assert!(lines(&app, 80, 24)[23].starts_with("cannot write to "));
}

#[test]
fn what_is_held_stays_while_more_comes() {
    let pictures = pictures(&sample("office.pcapng"));
    assert!(pictures.len() > 3, "{}", pictures.len());
    let mut app = App::new("office.pcapng", None, false);
    pictures[..2].iter().for_each(|picture| app.take(Arc::clone(picture)));
    press(&mut app, "p");
    let held = lines(&app, 80, 24);
    app.take(Arc::clone(&pictures[2]));
    assert_eq!(app.behind(), 1);
    assert_eq!(app.picture().unwrap().time, pictures[1].time);
    assert_eq!(lines(&app, 80, 24)[4..], held[4..]);
    press(&mut app, "[");
    assert_eq!(app.picture().unwrap().time, pictures[0].time);
    press(&mut app, "[");
    assert_eq!(app.picture().unwrap().time, pictures[0].time);
    press(&mut app, "]]]]");
    assert_eq!(app.picture().unwrap().time, pictures[2].time);
    press(&mut app, "\u{1b}");
    app.take(Arc::clone(&pictures[3]));
    assert_eq!(app.picture().unwrap().time, pictures[3].time);
}

#[test]
fn any_size_is_drawn() {
    let mut app = app("office.pcapng");
    for topic in '1'..='8' {
        press(&mut app, &topic.to_string());
        for details in [false, true] {
            for (width, height) in [(1, 1), (2, 3), (5, 7), (20, 8), (40, 12), (119, 9), (120, 9), (300, 100)]
            {
                drawn(&app, width, height);
            }
            app.details = !details;
        }
    }
    drawn(&App::new("none", None, false), 80, 24);
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let mut app = app("office.pcapng");
    let colours = |app: &App| {
        let terminal = drawn(app, 80, 24);
        let cells = terminal.backend().buffer().content();
        cells.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(&app), 0);
    app.has_color = true;
    assert!(colours(&app) > 0);
}

#[test]
fn hostile_names_are_harmless() {
    let mut app = App::new("\u{1b}[2Joffice\u{202e}", None, false);
    app.said = Some("\u{1b}]0;title\u{7}".to_owned());
    let text = lines(&app, 80, 24).join("\n");
    assert!(text.contains("\\027[2Joffice") && text.contains("\\027]0;title\\007"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']));
}

/// A capture of so many flows, each of one datagram; a hundred of them a second.
fn flood(flows: u32) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut out = Vec::new();
    for field in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101_u32] {
        out.extend(field.to_le_bytes());
    }
    for flow in 0..flows {
        // Raw IPv4, UDP, from 10.x.y.z to 192.0.2.1, port 9999.
        let [_, x, y, z] = flow.to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, x, y, z, 192, 0, 2, 1];
        packet.extend([0x9c, 0x40, 0x27, 0x0f, 0, 8, 0, 0]);
        for field in [1_700_000_000 + flow / 100, flow % 100 * 10_000, 28, 28_u32] {
            out.extend(field.to_le_bytes());
        }
        out.extend(packet);
    }
    file.write_all(&out).unwrap();
    file
}

#[test]
fn a_flood_of_flows_keeps_pictures_small() {
    let flows = 3_000;
    let file = flood(flows);
    let pictures = pictures(file.path());
    assert!(pictures.len() >= 30, "{}", pictures.len());
    let last = pictures.last().unwrap();
    assert_eq!(last.packets, u64::from(flows));
    for (number, topic) in Topic::ALL.iter().enumerate() {
        assert!(last.rows[number].rows.len() <= MOST_ROWS, "{topic:?}");
    }
    // More than are shown, and that is told.
    assert!(last.rows[1].rows.len() > MOST_ROWS / 2 && last.rows[1].all == flows as usize);
    let most = 400_000;
    let mut history = History::within(most);
    let mut app = App::new("flood", None, false);
    for picture in &pictures {
        history.push(Arc::clone(picture));
        app.take(Arc::clone(picture));
        assert!(history.octets() <= most || history.ends().unwrap().0 == history.ends().unwrap().1);
    }
    let (first, end) = history.ends().unwrap();
    assert!(first > 0, "nothing had to leave");
    assert_eq!(end + 1, pictures.len());
    press(&mut app, "2");
    assert!(lines(&app, 80, 24)[23].ends_with(" of 3000"));
}

#[test]
fn no_more_pictures_are_kept_than_can_be_scrolled_through() {
    let mut app = App::new("long", None, false);
    for time in 1..=MOST_PICTURES as u64 + 50 {
        app.take(Arc::new(Picture { time, ..Picture::default() }));
    }
    assert_eq!(app.history.ends(), Some((50, MOST_PICTURES + 49)));
    press(&mut app, "p");
    for time in 0..MOST_PICTURES as u64 {
        app.take(Arc::new(Picture { time: 10_000 + time, ..Picture::default() }));
    }
    // The one that was held has left: the oldest takes its place.
    assert_eq!(app.at(), Some((50 + MOST_PICTURES, true)));
    assert!(app.picture().is_some());
}
