//! What comes of values that were put by hand.

use std::{net::IpAddr, sync::Arc};

use arrow_array::{
    Array as _, ArrayRef, RecordBatch,
    cast::AsArray as _,
    types::{Int32Type, Int64Type, TimestampMicrosecondType},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Form, Layout, Origin, Rows, Writer, tree::spread};
use crate::{
    packet::Timestamp,
    record::{Put as _, Value},
    text::field::{COUNT, Field, PORT, Type},
};

static INNER: [Field; 1] = [Field::new("b", COUNT, "")];

static FIELDS: [Field; 8] = [
    Field::new("@timestamp", Type::Time, "when").ecs(),
    Field::new("source.port", PORT, "which"),
    Field::new("bytes", COUNT, "how many").unit("octets"),
    Field::new("is", Type::Flag, "whether"),
    Field::new("svc.name", Type::Text, "who"),
    Field::new("layers", Type::Word, "what").list(),
    Field::new("ports", PORT, "which").list(),
    Field::new("a", Type::Object(&INNER), "it"),
];

fn origin() -> Origin {
    Origin { registry: "2026-09-30".to_owned(), inputs: vec!["x.pcap".to_owned(), "y.pcap".to_owned()] }
}

/// Four rows: all, nothing, what does not fit, all but the lists.
fn batch() -> RecordBatch {
    let layout = Layout::new(&FIELDS).told(&origin());
    let mut rows = Rows::default();
    rows.lay(&layout);
    rows.cell(0).one(Value::Time(Timestamp(1_767_323_045_123_456_789)));
    rows.cell(1).one(Value::Number(443));
    rows.cell(2).one(Value::Number(9_000_000_000));
    rows.cell(3).one(Value::Flag(true));
    rows.cell(4).one(Value::Text(b"https"));
    rows.cell(5).all(|put| [b"tls", b"tcp", b"tls"].iter().for_each(|&word| put(Value::Word(word))));
    rows.cell(6).all(|put| put(Value::Number(80)));
    rows.cell(7).json(r#"{"b":1}"#);
    rows.end();
    rows.end();
    // The last nanosecond that a capture can have, in 2554, and a number that needs all 64 bits.
    rows.cell(0).one(Value::Time(Timestamp(u64::MAX)));
    rows.cell(2).one(Value::Number(1 << 63));
    rows.cell(4).one(Value::Text(b"a\xff\\"));
    rows.cell(5).list();
    rows.end();
    rows.cell(0).one(Value::Time(Timestamp(999)));
    rows.cell(2).one(Value::Number((1 << 63) - 1));
    rows.cell(3).one(Value::Flag(false));
    rows.cell(4).one(Value::Address(IpAddr::from([192, 0, 2, 1])));
    rows.end();
    let batch = rows.finish(&layout).unwrap();
    assert_eq!(rows.len(), 0);
    batch
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> &'b ArrayRef {
    batch.column_by_name(name).unwrap()
}

fn holds(batch: &RecordBatch) {
    let micros = column(batch, "@timestamp").as_primitive::<TimestampMicrosecondType>();
    let expected = [Some(1_767_323_045_123_456), None, Some((u64::MAX / 1000) as i64), Some(0)];
    assert_eq!(micros.iter().collect::<Vec<_>>(), expected);
    assert_eq!(micros.timezone(), Some("UTC"));
    let nanos = column(batch, "time_ns").as_primitive::<Int64Type>();
    assert_eq!(nanos.iter().collect::<Vec<_>>(), [Some(1_767_323_045_123_456_789), None, None, Some(999)]);
    let ports = column(batch, "source_port").as_primitive::<Int32Type>();
    assert_eq!(ports.iter().collect::<Vec<_>>(), [Some(443), None, None, None]);
    let bytes = column(batch, "bytes").as_primitive::<Int64Type>();
    assert_eq!(bytes.iter().collect::<Vec<_>>(), [Some(9_000_000_000), None, None, Some(i64::MAX)]);
    let flags = column(batch, "is").as_boolean();
    assert_eq!(flags.iter().collect::<Vec<_>>(), [Some(true), None, None, Some(false)]);
    let names = column(batch, "svc_name").as_dictionary::<Int32Type>();
    let names = names.downcast_dict::<arrow_array::StringArray>().unwrap();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        [Some("https"), None, Some("a\u{fffd}\\"), Some("192.0.2.1")]
    );
    let layers = column(batch, "layers").as_list::<i32>();
    let items = |row: usize| {
        let texts = layers.value(row);
        texts.as_string::<i32>().iter().flatten().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(items(0), ["tls", "tcp", "tls"]);
    assert!(layers.is_null(1) && layers.is_valid(2) && items(2).is_empty() && layers.is_null(3));
    let ports = column(batch, "ports").as_list::<i32>();
    assert_eq!(ports.value(0).as_primitive::<Int32Type>().values(), &[80]);
    let json = column(batch, "a").as_string::<i32>();
    assert_eq!(json.iter().collect::<Vec<_>>(), [Some(r#"{"b":1}"#), None, None, None]);
}

#[test]
fn values_come_to_stand_in_their_columns() {
    let batch = batch();
    holds(&batch);
    let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let expected =
        ["@timestamp", "time_ns", "source_port", "bytes", "is", "svc_name", "layers", "ports", "a"];
    assert_eq!(names, expected);
    let told =
        |name: &str, key: &str| batch.schema().field_with_name(name).unwrap().metadata().get(key).cloned();
    assert_eq!(told("bytes", "unit").as_deref(), Some("octets"));
    assert_eq!(told("bytes", "meaning").as_deref(), Some("how many"));
    assert_eq!(told("bytes", "ecs"), None);
    assert_eq!(told("@timestamp", "ecs").as_deref(), Some("@timestamp"));
    assert_eq!(told("source_port", "path").as_deref(), Some("source.port"));
}

#[test]
fn parquet_and_streams_give_back_what_was_written() {
    let batch = batch();
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, Form::Parquet, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes(file)).unwrap();
    let told = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let told = |key: &str| told.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone());
    assert_eq!(told("registry.updated").as_deref(), Some("2026-09-30"));
    assert_eq!(told("input.name").as_deref(), Some("x.pcap\ny.pcap"));
    assert_eq!(told("portolan.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    holds(&read[0]);

    let mut stream = Vec::new();
    let mut writer = Writer::new(&mut stream, Form::Arrow, &batch.schema()).unwrap();
    // A batch after another has a dictionary of its own.
    (0..2).for_each(|_| writer.write(&batch).unwrap());
    writer.finish().unwrap();
    drop(writer);
    let reader = arrow_ipc::reader::StreamReader::try_new(&stream[..], None).unwrap();
    assert_eq!(reader.schema().metadata().get("registry.updated").map(String::as_str), Some("2026-09-30"));
    let read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(read.len(), 2);
    read.iter().for_each(holds);
}

/// A file for the reader of the crate, which takes the octets of one of its own.
fn bytes(octets: Vec<u8>) -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&octets).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn row_groups_are_bounded() {
    let layout = Layout::new(&FIELDS);
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, Form::Parquet, &layout.schema).unwrap();
    let mut rows = Rows::default();
    rows.lay(&layout);
    for part in 0..5 {
        for row in 0..60_000 {
            rows.cell(2).one(Value::Number(part * 60_000 + row));
            rows.end();
        }
        writer.write(&rows.finish(&layout).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes(file)).unwrap();
    let groups: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(groups, [131_072, 131_072, 37_856]);
    let sum: i64 = reader
        .build()
        .unwrap()
        .map(|batch| {
            column(&batch.unwrap(), "bytes").as_primitive::<Int64Type>().values().iter().sum::<i64>()
        })
        .sum();
    // Of the numbers from 0 to 299,999.
    assert_eq!(sum, 299_999 * 150_000);
}

/// Pages with all kinds of texts in them: many and few, all the same, none at all, and ever more bits to their numbers.
#[test]
fn texts_of_many_pages_and_groups_come_back() {
    const PART: usize = 50_000;
    const GROUP: usize = 131_072;
    let text = |row: usize| match (row / PART, row % PART) {
        (0, row) => Some(format!("{}", row / 9 % 7)),
        (1, row) => (row % 3 > 0).then(|| format!("{:0>width$}", row * 7919 % 4_999, width = row % 80)),
        (2, _) => Some("the same".to_owned()),
        (3, _) => None,
        (_, row) => (row % 20_000 < 19_990).then(|| format!("{row}\u{20ac}")),
    };
    let layout = Layout::new(&FIELDS);
    let (mut file, mut rows) = (Vec::new(), Rows::default());
    let mut writer = Writer::new(&mut file, Form::Parquet, &layout.schema).unwrap();
    rows.lay(&layout);
    for row in 0..5 * PART {
        if let Some(text) = text(row) {
            rows.cell(4).one(Value::Text(text.as_bytes()));
        }
        rows.end();
        if rows.len() == PART {
            writer.write(&rows.finish(&layout).unwrap()).unwrap();
        }
    }
    writer.finish().unwrap();
    drop(writer);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes(file)).unwrap();
    let told: Vec<_> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| {
            let statistics = group.column(5).statistics().unwrap();
            let text =
                |octets: Option<&[u8]>| octets.map(|octets| String::from_utf8_lossy(octets).into_owned());
            (statistics.null_count_opt(), text(statistics.min_bytes_opt()), text(statistics.max_bytes_opt()))
        })
        .collect();
    let nulls = |first: usize, last: usize| (first..last).filter(|&row| text(row).is_none()).count() as u64;
    // A group ends in the third part and begins there, as no text of the first two is in the other.
    assert_eq!(told[0], (Some(nulls(0, GROUP)), Some("0".to_owned()), Some("the same".to_owned())));
    assert_eq!(told[1].0, Some(nulls(GROUP, 5 * PART)));
    assert_eq!((told[1].1.as_deref(), told[1].2.as_deref()), (Some("0\u{20ac}"), Some("the same")));
    let mut row = 0;
    for batch in reader.build().unwrap().map(Result::unwrap) {
        let texts = column(&batch, "svc_name").as_dictionary::<Int32Type>();
        for read in texts.downcast_dict::<arrow_array::StringArray>().unwrap() {
            assert_eq!(read, text(row).as_deref(), "{row}");
            row += 1;
        }
    }
    assert_eq!(row, 5 * PART);
}

#[test]
fn objects_are_spread_where_that_is_asked_for() {
    let paths = |objects: &[&str]| {
        spread(&FIELDS, objects).into_iter().map(|(path, _)| path).skip(7).collect::<Vec<_>>()
    };
    assert_eq!((paths(&[]), paths(&["a"])), (vec!["a".to_owned()], vec!["a.b".to_owned()]));
    let layout = Layout::at(spread(&FIELDS, &["a"]));
    assert_eq!(layout.schema.fields().last().map(|field| Arc::clone(field).name().clone()).unwrap(), "a_b");
}
