//! One CSV row per packet (RFC 4180), columns named as the JSON paths with dots turned into underscores.

use super::Encoder;
use crate::{
    decode::Network,
    dns,
    knowledge::Knowledge,
    naming::label::write_protocol_word,
    record::Record,
    text::{
        escape, number,
        time::{TimeStyle, TimeWriter},
    },
};

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 32] = [
    "@timestamp",
    "file_name",
    "frame_number",
    "frame_interface",
    "frame_link",
    "frame_captured",
    "frame_original",
    "network_type",
    "network_transport",
    "network_iana_number",
    "network_vlan",
    "network_tunnel",
    "network_community_id",
    "source_mac",
    "source_ip",
    "source_port",
    "destination_mac",
    "destination_ip",
    "destination_port",
    "row",
    "svc_name",
    "svc_port",
    "svc_transport",
    "svc_side",
    "svc_evidence",
    "svc_rule",
    "svc_description",
    "svc_instance",
    "svc_candidates",
    "svc_revised",
    "dnssd",
    "notes",
];

/// CSV rows. Lists within a field are joined by spaces, notes by `; `.
#[derive(Clone, Debug)]
pub struct Csv {
    clock: TimeWriter,
    field: Vec<u8>,
}

impl Default for Csv {
    fn default() -> Self {
        Self { clock: TimeWriter::new(TimeStyle::Machine), field: Vec::new() }
    }
}

impl Encoder for Csv {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn begin(&mut self, _known: Option<&Knowledge>, out: &mut Vec<u8>) {
        out.extend_from_slice(COLUMNS.join(",").as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (headers, frame, label) = (record.headers, &record.frame, record.label);
        if let Some(time) = frame.time {
            self.clock.write(time, None, out);
        }
        out.push(b',');
        escape::csv(record.file.unwrap_or_default().as_bytes(), out);
        out.push(b',');
        for number in [frame.number, frame.interface.into()] {
            number::decimal(number, out);
            out.push(b',');
        }
        match frame.link.name() {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => {
                out.extend_from_slice(b"linktype-");
                number::decimal(frame.link.0.into(), out);
            }
        }
        out.push(b',');
        for number in [frame.octets.len() as u64, frame.original_len.into()] {
            number::decimal(number, out);
            out.push(b',');
        }
        let ips = headers.network.addresses();
        if ips.is_some() {
            let v4 = matches!(headers.network, Network::V4(..));
            out.extend_from_slice(if v4 { b"ipv4," } else { b"ipv6," });
            match label.transport.as_deref() {
                Some(transport) => out.extend_from_slice(transport.as_bytes()),
                None => write_protocol_word(headers.protocol, out),
            }
            out.push(b',');
            number::decimal(headers.protocol.0.into(), out);
            out.push(b',');
        } else {
            out.extend_from_slice(b",,,");
        }
        list(headers.vlan.as_slice(), out, |&id, out| number::decimal(id.into(), out));
        list(headers.tunnels.as_slice(), out, |tunnel, out| {
            out.extend_from_slice(tunnel.as_str().as_bytes());
        });
        if let Some(id) = record.community_id {
            out.extend_from_slice(b"1:");
            out.extend_from_slice(&id);
        }
        out.push(b',');
        let sides = [
            (headers.macs.map(|macs| macs.0), ips.map(|ips| ips.0), headers.ports.map(|ports| ports.0)),
            (headers.macs.map(|macs| macs.1), ips.map(|ips| ips.1), headers.ports.map(|ports| ports.1)),
        ];
        for (mac, ip, port) in sides {
            if let Some(mac) = mac {
                number::mac(mac, out);
            }
            out.push(b',');
            if let Some(ip) = ip {
                number::address(ip, out);
            }
            out.push(b',');
            if let Some(port) = port {
                number::decimal(port.into(), out);
            }
            out.push(b',');
        }
        escape::csv(label.key.as_bytes(), out);
        out.push(b',');
        self.service(record, out);
        self.field.clear();
        for (via, message) in record.dns() {
            self.field.extend_from_slice(if self.field.is_empty() { b"" } else { b"; " });
            dns::line(via, &message, &mut self.field);
        }
        escape::csv_text(&self.field, out);
        out.push(b',');
        self.field.clear();
        let field = &mut self.field;
        record.notes(|note| {
            field.extend_from_slice(if field.is_empty() { b"" } else { b"; " });
            note.write(field);
        });
        escape::csv(&self.field, out);
        out.extend_from_slice(b"\r\n");
    }
}

impl Csv {
    /// Appends the ten columns of the service.
    fn service(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Some((service, rule)) =
            record.service.and_then(|service| service.known.rule.map(|rule| (service, rule)))
        else {
            out.extend_from_slice(b",,,,,,,,,,");
            return;
        };
        let label = service.label;
        escape::csv(label.name.as_deref().unwrap_or_default().as_bytes(), out);
        out.push(b',');
        if let Some(port) = label.port {
            number::decimal(port.into(), out);
        }
        let words = [
            label.transport.as_deref().unwrap_or_default(),
            service.side(),
            label.evidence.map_or("", |evidence| evidence.as_str()),
            rule.as_str(),
        ];
        for word in words {
            out.push(b',');
            out.extend_from_slice(word.as_bytes());
        }
        out.push(b',');
        escape::csv(label.description.as_deref().unwrap_or_default().as_bytes(), out);
        out.push(b',');
        // The instance is escaped where it is learned.
        escape::csv_text(label.instance.as_deref().unwrap_or_default().as_bytes(), out);
        out.push(b',');
        self.field.clear();
        for candidate in &label.candidates {
            self.field.extend_from_slice(if self.field.is_empty() { b"" } else { b" " });
            self.field.extend_from_slice(candidate.as_bytes());
        }
        escape::csv(&self.field, out);
        out.extend_from_slice(if service.known.revised { b",true," } else { b",," });
    }
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        write(item, out);
    }
    out.push(b',');
}
