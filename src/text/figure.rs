//! Figures as people read them: rounded, with their units.

/// Stands between groups of three digits.
const THIN: char = '\u{202f}';

/// `4 800 000`, with narrow spaces that no line breaks at.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * THIN.len_utf8());
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// Octets in decimal units, three digits or so: `85 B`, `16.8 kB`, `3.28 GB`.
pub(crate) fn octets(value: u64) -> String {
    if value < 1000 {
        return format!("{value}\u{a0}B");
    }
    let mut scaled = value as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1000.0;
        unit = next;
    }
    let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.decimals$}\u{a0}{unit}")
}

/// `33.1 %`; `<0.1 %` where it is more than nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let percent = percent(part, whole);
    if part > 0 && whole > 0 && percent < 0.1 {
        "<0.1\u{a0}%".to_owned()
    } else {
        format!("{percent:.1}\u{a0}%")
    }
}

/// A bar of so many columns of a terminal for a part of a whole, in eighths of them: `██▌`.
pub(crate) fn bar(part: u64, whole: u64, columns: u16) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if whole == 0 {
        return String::new();
    }
    let eighths = u128::from(part.min(whole)) * u128::from(columns) * 8 / u128::from(whole);
    let (full, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    "█".repeat(full) + EIGHTHS[rest]
}

/// A part in per cent; 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A length of time in ns: `200 ms`, `10.97 s`, `5 min 3 s`, `2 d 4 h`.
pub(crate) fn length(nanos: u64) -> String {
    let millis = nanos as f64 / 1e6;
    if millis < 1000.0 {
        return format!("{}\u{a0}ms", trimmed(millis));
    }
    let seconds = nanos / 1_000_000_000;
    if seconds < 60 {
        return format!("{}\u{a0}s", trimmed(nanos as f64 / 1e9));
    }
    let [(one, unit), (other, smaller)] = match seconds {
        ..3600 => [(seconds / 60, "min"), (seconds % 60, "s")],
        3600..86_400 => [(seconds / 3600, "h"), (seconds / 60 % 60, "min")],
        _ => [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h")],
    };
    let rest = if other == 0 { String::new() } else { format!(" {other}\u{a0}{smaller}") };
    format!("{one}\u{a0}{unit}{rest}")
}

/// Two decimals at most.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_and_have_units() {
        for (value, text) in [
            (0, "0\u{a0}B"),
            (999, "999\u{a0}B"),
            (1000, "1.00\u{a0}kB"),
            (9_994, "9.99\u{a0}kB"),
            (9_996, "10.0\u{a0}kB"),
            (16_775, "16.8\u{a0}kB"),
            (999_499, "999\u{a0}kB"),
            (999_501, "1.00\u{a0}MB"),
            (3_280_000_000, "3.28\u{a0}GB"),
            (u64::MAX, "18.4\u{a0}EB"),
        ] {
            assert_eq!(octets(value), text);
        }
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(4_800_000), "4\u{202f}800\u{202f}000");
        assert_eq!(share(1, 3), "33.3\u{a0}%");
        assert_eq!(
            (share(1, 5000), share(0, 5), share(5, 0)),
            ("<0.1\u{a0}%".into(), "0.0\u{a0}%".into(), "0.0\u{a0}%".into())
        );
    }

    #[test]
    fn bars_are_drawn_in_eighths() {
        for (part, columns, text) in
            [(0, 10, ""), (1, 10, "█"), (10, 10, "██████████"), (1, 4, "▍"), (3, 2, "▌"), (11, 2, "██")]
        {
            assert_eq!(bar(part, 10, columns), text, "{part} {columns}");
        }
        assert_eq!(bar(1, 0, 10), "");
        assert_eq!(bar(u64::MAX, u64::MAX, 3), "███");
    }

    #[test]
    fn times_are_as_exact_as_they_need_be() {
        for (nanos, text) in [
            (1_500_000, "1.5\u{a0}ms"),
            (200_000_000, "200\u{a0}ms"),
            (10_970_000_000, "10.97\u{a0}s"),
            (303_000_000_000, "5\u{a0}min 3\u{a0}s"),
            (3_600_000_000_000, "1\u{a0}h"),
            (187_200_000_000_000, "2\u{a0}d 4\u{a0}h"),
        ] {
            assert_eq!(length(nanos), text);
        }
    }
}
