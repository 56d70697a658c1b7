//! The registry as CSV, in IANA's columns. Shared with the build script.

use std::borrow::Cow;

use super::record::{Field, Malformed, Record};

/// IANA's columns in IANA's order. Ports and transport have a place of their own in a [`Record`].
pub(crate) const COLUMNS: [&str; 12] = [
    "Service Name",
    "Port Number",
    "Transport Protocol",
    "Description",
    "Assignee",
    "Contact",
    "Registration Date",
    "Modification Date",
    "Reference",
    "Service Code",
    "Unauthorized Use Reported",
    "Assignment Notes",
];

/// Our own column: the address or prefix an entry of a user layer holds for.
pub(crate) const ADDRESS: &str = "Address";

/// Our own column: the date of the registry a row was exported from.
pub(crate) const UPDATED: &str = "Registry Updated";

/// What a column holds.
#[derive(Clone, Copy)]
enum Column {
    Ports,
    Transport,
    Text(Field),
    Address,
    Updated,
}

/// One row of the file with what stands beside the registry's own columns.
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) record: Record,
    pub(crate) address: String,
    pub(crate) updated: String,
}

/// Whether a text begins with IANA's header.
pub(crate) fn is_table(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.trim_start_matches('"').get(..COLUMNS[0].len()).is_some_and(|name| name == COLUMNS[0])
        && start.lines().next().is_some_and(|line| line.contains(','))
}

/// Reads a CSV file with a header of IANA's columns in any order, `Service Name` first.
pub(crate) fn parse(text: &str) -> Result<Vec<Row>, Malformed> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut cells = csv::StringRecord::new();
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    loop {
        let before = reader.position().line();
        let more = reader.read_record(&mut cells).map_err(|error| Malformed {
            line: error.position().map_or(before, csv::Position::line),
            reason: "the row cannot be read".to_owned(),
        })?;
        if !more {
            break;
        }
        let line = cells.position().map_or(before, csv::Position::line);
        let malformed = |reason| Malformed { line, reason };
        if columns.is_empty() {
            columns = header(&cells).map_err(malformed)?;
            continue;
        }
        if cells.len() != columns.len() {
            return Err(malformed(format!("{} fields, the header has {}", cells.len(), columns.len())));
        }
        rows.push(row(&columns, &cells, line).map_err(malformed)?);
    }
    Ok(rows)
}

fn header(cells: &csv::StringRecord) -> Result<Vec<Column>, String> {
    let mut seen = Vec::new();
    let mut columns = Vec::new();
    for name in cells.iter().map(str::trim) {
        if seen.contains(&name) {
            return Err(format!("column `{name}` appears twice"));
        }
        seen.push(name);
        columns.push(column(name).ok_or_else(|| format!("unknown column `{name}`"))?);
    }
    for needed in &COLUMNS[..4] {
        if !seen.contains(needed) {
            return Err(format!("column `{needed}` is missing"));
        }
    }
    Ok(columns)
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "Port Number" => Column::Ports,
        "Transport Protocol" => Column::Transport,
        "Service Name" => Column::Text(Field::Name),
        "Description" => Column::Text(Field::Description),
        "Assignee" => Column::Text(Field::Assignee),
        "Contact" => Column::Text(Field::Contact),
        "Registration Date" => Column::Text(Field::Registered),
        "Modification Date" => Column::Text(Field::Modified),
        "Reference" => Column::Text(Field::Reference),
        "Service Code" => Column::Text(Field::ServiceCode),
        "Unauthorized Use Reported" => Column::Text(Field::Unauthorized),
        "Assignment Notes" => Column::Text(Field::Notes),
        ADDRESS => Column::Address,
        UPDATED => Column::Updated,
        _ => return None,
    })
}

fn row(columns: &[Column], cells: &csv::StringRecord, line: u64) -> Result<Row, String> {
    let mut row = Row { line, record: Record::default(), address: String::new(), updated: String::new() };
    for (column, cell) in columns.iter().zip(cells) {
        let cell = unguarded(cell);
        match column {
            Column::Ports => row.record.set_ports(cell)?,
            Column::Transport => row.record.set_transport(cell)?,
            Column::Text(field) => row.record.set(*field, cell),
            Column::Address => cell.trim().clone_into(&mut row.address),
            Column::Updated => cell.trim().clone_into(&mut row.updated),
        }
    }
    match row.record.check() {
        Err(reason) if row.record.longest() > Record::MAX_TEXT => {
            Err(format!("{reason}: is a quote left open?"))
        }
        checked => checked.map(|()| row),
    }
}

/// A field as our export writes it: with an apostrophe before what a spreadsheet would take for a formula.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Service Name,Port Number,Transport Protocol,Description\n";

    fn reason(rows: &str) -> String {
        parse(&format!("{HEADER}{rows}")).err().expect("an error").to_string()
    }

    #[test]
    fn a_malformed_row_is_told_with_its_line() {
        assert_eq!(reason("a,1,tcp,x\nb,1,tcp\n"), "3: 3 fields, the header has 4");
        assert_eq!(reason("a,1,tpc,x\n"), "2: transport protocol `tpc` is none of tcp, udp, sctp and dccp");
        assert_eq!(
            reason("a,1,tcp,\"two\nlines\"\nb,70000,tcp,x\n"),
            "4: port `70000` is no number from 0 to 65535"
        );
        assert_eq!(reason(",,tcp,x\n"), "2: the row has neither a service name nor a port");
        assert_eq!(
            parse("Service Name,Nonsense\n").err().expect("an error").to_string(),
            "1: unknown column `Nonsense`"
        );
        let open = format!("a,1,tcp,\"{}", "x".repeat(20_000));
        assert_eq!(reason(&open), "2: a text of 20000 octets is longer than 16384: is a quote left open?");
    }

    #[test]
    fn white_space_is_put_in_order() {
        let rows = parse(
            "\u{feff}Service Name,Port Number,Transport Protocol,Description,Assignment Notes\r\n\
                          a, 1 , TCP ,\"two\n      lines\",\"  Defined\n      keys:\n\n\"\r\n",
        );
        let rows = rows.expect("sound rows");
        assert_eq!(rows[0].record.text(Field::Description), "two lines");
        assert_eq!(rows[0].record.text(Field::Notes), "Defined\nkeys:");
        assert_eq!(rows[0].record.ports, Some((1, 1)));
    }
}
