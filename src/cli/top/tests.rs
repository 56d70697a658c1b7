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
    report::top::{MOST_ROWS, Topic, needs},
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
    teller::{Teller, Unseen},
};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name)
}

/// The pictures of a file, one a second of its time.
fn pictures(file: &Path) -> Vec<Arc<Picture>> {
    let registry = Registry::built_in();
    let clock = Arc::new(Clock::new(0.0));
    let replay = Replay::new(capture::open(file).unwrap(), Arc::clone(&clock));
    let mut job = Job::new(Inputs::Live(Box::new(replay)), &registry);
    let (all, shown, stop) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    let put = |picture| all.lock().unwrap().push(picture);
    let mut teller = Teller::new(Some(clock), &shown, &stop, &put);
    teller.rests = false;
    let (knowledge, answers, outcome) = job.follow(needs(), Unseen, &mut Unseen, &teller).unwrap();
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
    for (key, name) in ["services", "flows", "hosts", "domains", "dns-sd", "limits"]
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
    assert_eq!(screens.len(), 7);
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
    for topic in '1'..='6' {
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
