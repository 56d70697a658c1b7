//! Country and autonomous system of addresses in every report, by a file that is made here.

use serde_json::{Value, json};

use crate::{
    capture::Scratch,
    cli::{bad, good},
};

/// A file in MaxMind's format (maxmind.github.io/MaxMind-DB, version 2.0) in which one tree of two levels says of half of all
/// addresses that they are in the Netherlands, of AS64500: those whose first bit of 128 is 0, which all of IPv4 is.
fn database() -> Vec<u8> {
    let text = |text: &str| match text.len() {
        len @ 0..29 => [&[0x40 | len as u8][..], text.as_bytes()].concat(),
        len => [&[0x5d, len as u8 - 29][..], text.as_bytes()].concat(),
    };
    // One node: on the left the data behind 16 zeros, on the right nothing, which is the number of nodes.
    let mut file = vec![0, 0, 17, 0, 0, 1];
    file.extend([0; 16]);
    file.push(0xe3);
    file.extend([text("country"), vec![0xe1], text("iso_code"), text("NL")].concat());
    file.extend([text("autonomous_system_number"), vec![0xc4, 0, 0, 0xfb, 0xf4]].concat());
    file.extend([text("autonomous_system_organization"), text("Example, \"Office\"")].concat());
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com\xe9");
    for (key, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![1, 2, 1]),
        ("database_type", text("test")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 6]),
        ("languages", vec![0, 4]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ] {
        file.extend([text(key), value].concat());
    }
    file
}

#[test]
fn addresses_have_their_places_in_every_report() {
    let folder = Scratch::new("places");
    let geo = folder.file("geo.mmdb", &database()).display().to_string();
    let whereabouts = |record: &Value, end: &str| {
        assert_eq!(record[end]["geo"], json!({"country_iso_code": "NL"}), "{record:#}");
        let system = json!({"number": 64500, "organization": {"name": "Example, \"Office\""}});
        assert_eq!(record[end]["as"], system, "{record:#}");
    };
    for arguments in [&["annotate"][..], &["annotate", "--causal"], &["flows"]] {
        let out = good(&[arguments, &["--geo", &geo, "--format", "json", "redis-set.pcap"]].concat());
        for line in out.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            whereabouts(&record, "source");
            whereabouts(&record, "destination");
        }
        // Without a file nothing is there, and no column.
        let format = |format| [arguments, &["--format", format, "redis-set.pcap"]].concat();
        assert!(!good(&format("json")).contains("\"geo\""));
        let plain = good(&format("csv"));
        let wide = good(&[&format("csv")[..], &["--geo", &geo]].concat());
        let added = "source_geo_country_iso_code,source_as_number,source_as_organization_name,\
            destination_geo_country_iso_code,destination_as_number,destination_as_organization_name";
        let row = "NL,64500,\"Example, \"\"Office\"\"\",NL,64500,\"Example, \"\"Office\"\"\"";
        for ((plain, wide), number) in plain.lines().zip(wide.lines()).zip(0..) {
            assert_eq!(wide, format!("{plain},{}", if number == 0 { added } else { row }));
        }
        let chosen =
            [&format("csv")[..], &["--geo", &geo, "--where", "destination.as.number == 64500"]].concat();
        assert_eq!(good(&chosen).lines().count(), wide.lines().count());
        let none =
            [&format("csv")[..], &["--geo", &geo, "--where", "source.geo.country_iso_code == JP"]].concat();
        assert_eq!(good(&none).lines().count(), 1);
    }
    let hosts: Value =
        serde_json::from_str(&good(&["hosts", "--geo", &geo, "--format", "json", "redis-set.pcap"])).unwrap();
    for host in hosts["hosts"].as_array().unwrap() {
        assert_eq!((&host["geo"]["country_iso_code"], &host["as"]["number"]), (&json!("NL"), &json!(64500)));
    }
    let csv = good(&["hosts", "--geo", &geo, "--format", "csv", "redis-set.pcap"]);
    assert!(csv.lines().next().unwrap().ends_with(",geo_country_iso_code,as_number,as_organization_name"));
    assert!(csv.lines().nth(1).unwrap().ends_with(",NL,64500,\"Example, \"\"Office\"\"\""), "{csv}");
    assert!(good(&["hosts", "--geo", &geo, "redis-set.pcap"]).contains("NL AS64500 Example"));
    assert!(!good(&["hosts", "redis-set.pcap"]).contains("PLACE"));
    bad(
        &["summary", "--geo", &geo, "redis-set.pcap"],
        2,
        "--geo is for summaries as pages (--format html), and for annotate, flows and hosts",
    );
}

#[test]
#[cfg(feature = "html")]
fn a_page_tells_where_hosts_are() {
    let folder = Scratch::new("places-page");
    let geo = folder.file("geo.mmdb", &database()).display().to_string();
    let page = good(&["summary", "--format", "html", "--geo", &geo, "redis-set.pcap"]);
    assert!(
        page.contains("NL AS64500 Example, &#34;Office&#34;")
            || page.contains("NL AS64500 Example, &quot;Office&quot;")
    );
}
