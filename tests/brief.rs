//! Lines and tables on terminals of several widths.
//!
//! Says so and passes where tmux is missing.

use crate::{material::sample, top::Terminal};

/// What a command shows on a terminal of so many columns, line by line.
fn shown(width: u16, arguments: &str) -> Option<Vec<String>> {
    let line = format!("{} --no-pager {arguments}", env!("CARGO_BIN_EXE_portolan"));
    // As high as all of it, so that lines which are too long can be told.
    let terminal = Terminal::of((width, 250), &line)?;
    let screen = terminal.wait_for("ended with 0");
    Some(screen.lines().take_while(|line| !line.starts_with("ended with")).map(ToOwned::to_owned).collect())
}

#[test]
fn packets_and_flows_take_a_line_each() {
    let file = sample("office.pcapng").display().to_string();
    for width in [80, 120, 200] {
        let Some(lines) = shown(width, &format!("annotate {file}")) else { return };
        // The day, and 212 packets (`capinfos -c`).
        assert_eq!((lines.len(), lines[0].as_str()), (213, "2026-11-22 UTC"), "{width}");
        assert!(lines.iter().any(|line| line.ends_with('…')), "{width}");
        let lines = shown(width, &format!("flows {file}")).unwrap();
        // The day, the head, and the flows that the lines for files tell of.
        let flows = crate::cli::good(&["flows", "office.pcapng"]).lines().count();
        assert_eq!((lines.len(), lines[0].as_str()), (flows + 2, "2026-11-22 UTC"), "{width}");
        // A name is whole, or has a sign that it is not.
        for line in lines.iter().filter(|line| line.contains("server.off")) {
            assert!(line.contains("server.office.example") || line.contains('…'), "{line}");
        }
    }
    let wide = shown(200, &format!("annotate {file}")).unwrap();
    let narrow = shown(80, &format!("annotate {file}")).unwrap();
    let (wide, narrow) = (wide[3].as_str(), narrow[3].as_str());
    let expected = "21:24:24.596220 tcp 192.0.2.10:51996 → 192.0.2.30:49154             74 http advertised \
        \"Printer pages on printer\" at printer.local";
    assert_eq!(wide, expected);
    assert_eq!(narrow, "21:24:24.596 tcp 192.0.2.10:51996 → 192.0.2.30:49154   74 http adv \"Printer pag…");
    // Whoever wants all of it has it.
    let whole = shown(400, &format!("annotate -v {file}")).unwrap();
    assert!(whole[2].contains("49154/tcp http (destination, advertised)"), "{}", whole[2]);
    let others = shown(120, &format!("annotate --time relative {file}")).unwrap();
    assert!(others[0].starts_with("0.000000 arp "), "{}", others[0]);
}

#[test]
fn flows_have_columns_for_what_there_is_room_for() {
    let file = sample("office.pcapng").display().to_string();
    let Some(wide) = shown(200, &format!("flows {file}")) else { return };
    let words = |line: &str| line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let heads = ["START", "DURATION", "CLIENT", "SERVER", "SERVICE", "KNOWN", "BY", "UP", "DOWN", "STATE"];
    assert_eq!(words(&wide[1]), heads);
    let narrow = shown(80, &format!("flows {file}")).unwrap();
    assert_eq!(words(&narrow[1]), ["START", "CLIENT", "SERVER", "SERVICE", "BY", "UP", "DOWN"]);
    // What nobody served is told all the same.
    let refused = |lines: &[String]| lines.iter().filter(|line| line.contains("refused")).count();
    assert_eq!((refused(&wide), refused(&narrow)), (1, 1));
    let exact = shown(200, &format!("flows --exact {file}")).unwrap();
    assert!(exact[8].contains(" 8176 ") && wide[8].contains(" 8.18"), "{}\n{}", exact[8], wide[8]);
    let local = shown(200, &format!("flows --time relative {file}")).unwrap();
    assert!(local[1].trim_start().starts_with("0.000"), "{}", local[1]);
}

#[test]
fn tables_keep_words_whole() {
    let file = sample("office.pcapng").display().to_string();
    let Some(hosts) = shown(80, &format!("hosts {file}")) else { return };
    assert!(hosts[0].contains("SERVES") && !hosts[0].contains("MAC"), "{}", hosts[0]);
    assert!(hosts.iter().any(|line| line.contains("server.office.example")));
    let inventory = shown(80, &format!("discover {file}")).unwrap();
    assert!(inventory.iter().any(|line| line.contains(" server.office.example ")));
    assert!(inventory.iter().any(|line| line == "TXT pairs: 26 (--txt shows them)"));
    let texts = shown(80, &format!("discover --txt {file}")).unwrap();
    assert!(texts.iter().any(|line| line.contains("rp=ipp/print") && line.ends_with("not listed")));
    let summary = shown(80, &format!("summary {file}")).unwrap();
    assert!(summary[0].contains("packets") && summary[0].contains('%'), "{}", summary[0]);
}
