//! One record per flow, in the order the flows began.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;

use crate::{
    flow::{Direction, FiveTuple, Flow, community_id},
    knowledge::{Answers, Knowledge, Known},
    naming::label::{Label, protocol_word},
    packet::Timestamp,
    record::Service,
    text::{
        escape, json,
        time::{TimeStyle, TimeWriter, machine_time},
    },
};

/// Forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line per flow, for people.
    Text(TimeStyle),
    /// A JSON object per line.
    Json,
    /// A CSV row each.
    Csv,
}

/// One flow; its source is the side whose packet came first (the initiator of RFC 5103).
struct FlowRow<'n> {
    first: Option<u64>,
    last: Option<u64>,
    protocol: crate::packet::TransportProtocol,
    ends: [End; 2],
    service: Option<Service<'n>>,
}

#[derive(Clone, Copy)]
struct End {
    ip: IpAddr,
    port: Option<u16>,
    packets: u64,
    octets: u64,
}

/// Writes every flow.
///
/// # Errors
/// Those of `out`.
pub fn write(knowledge: &Knowledge, names: &Answers, form: Form, out: &mut dyn Write) -> io::Result<()> {
    let mut flows = Vec::new();
    for tuple in knowledge.flows().five_tuples() {
        collect(&tuple, names.get(tuple.id), names, &mut flows);
    }
    flows.sort_by_key(|flow| flow.first);
    match form {
        Form::Text(times) => {
            let mut clock = TimeWriter::new(times);
            let began = knowledge.span().first();
            flows.iter().try_for_each(|flow| out.write_all(&text(flow, began, &mut clock)))
        }
        Form::Json => flows.iter().try_for_each(|flow| json::line(&JsonFlow::from(flow), out)),
        Form::Csv => {
            out.write_all(CSV_HEAD.as_bytes())?;
            flows.iter().try_for_each(|flow| out.write_all(&csv(flow)))
        }
    }
}

fn collect<'n>(
    tuple: &FiveTuple<'_>,
    known: Option<Known>,
    names: &'n Answers,
    flows: &mut Vec<FlowRow<'n>>,
) {
    let ports = tuple.key.ports();
    for Flow { tally, initiator } in tuple.all() {
        let end = |ip, port, way: Direction| End {
            ip,
            port,
            packets: tally.packets[way as usize],
            octets: tally.octets[way as usize],
        };
        let mut ends = [
            end(tuple.key.low().0, ports.map(|ports| ports.0), Direction::Up),
            end(tuple.key.high().0, ports.map(|ports| ports.1), Direction::Down),
        ];
        if *initiator == Direction::Down {
            ends.reverse();
        }
        let service = known.map(|known| Service {
            label: names.labels().label(known.label),
            known,
            direction: *initiator,
        });
        flows.push(FlowRow {
            first: tally.first(),
            last: tally.last(),
            protocol: tuple.key.protocol(),
            ends,
            service,
        });
    }
}

impl FlowRow<'_> {
    fn duration(&self) -> Option<u64> {
        self.last.zip(self.first).map(|(last, first)| last.saturating_sub(first))
    }

    fn named(&self) -> Option<(&Service<'_>, &'static str)> {
        let service = self.service.as_ref()?;
        Some((service, service.known.rule?.as_str()))
    }

    fn community_id(&self) -> Option<String> {
        let ports = self.ends[0].port.zip(self.ends[1].port);
        // Type and code of ICMP stand in for ports there, and a flow may hold several.
        let icmp = matches!(self.protocol.0, 1 | 58);
        (!icmp).then(|| {
            let id = community_id(self.protocol, self.ends[0].ip, self.ends[1].ip, ports);
            format!("1:{}", String::from_utf8_lossy(&id))
        })
    }
}

fn text(flow: &FlowRow<'_>, began: Option<Timestamp>, clock: &mut TimeWriter) -> Vec<u8> {
    let mut out = Vec::new();
    match flow.first {
        Some(first) => clock.write(Timestamp(first), began, &mut out),
        None => out.extend_from_slice(b"(no time)"),
    }
    let seconds = flow.duration().unwrap_or(0) as f64 / 1e9;
    out.extend_from_slice(format!(" {seconds:.3} s {} ", protocol_word(flow.protocol)).as_bytes());
    for (position, end) in flow.ends.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b" > " });
        let ip = end.ip;
        let endpoint = match end.port {
            Some(port) if ip.is_ipv6() => format!("[{ip}]:{port}"),
            Some(port) => format!("{ip}:{port}"),
            None => ip.to_string(),
        };
        out.extend_from_slice(endpoint.as_bytes());
    }
    let [source, destination] = flow.ends;
    let counts = format!(
        " packets {}+{} octets {}+{}",
        source.packets, destination.packets, source.octets, destination.octets
    );
    out.extend_from_slice(counts.as_bytes());
    if let Some((service, rule)) = flow.named() {
        let evidence = service.label.evidence.map_or("", |evidence| evidence.as_str());
        out.extend_from_slice(b"  ");
        out.extend_from_slice(&service.label.text);
        let rule = if rule == evidence { String::new() } else { format!(", {rule}") };
        out.extend_from_slice(format!(" ({}, {evidence}{rule})", service.side()).as_bytes());
        if let Some(instance) = &service.label.instance {
            out.extend_from_slice(format!(" \"{instance}\"").as_bytes());
        }
    }
    out.push(b'\n');
    out
}

#[derive(Serialize)]
struct JsonFlow<'a> {
    #[serde(rename = "@timestamp", skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    event: JsonEvent,
    network: JsonNetwork<'a>,
    source: JsonEnd,
    destination: JsonEnd,
    #[serde(skip_serializing_if = "Option::is_none")]
    svc: Option<JsonService<'a>>,
}

#[derive(Serialize)]
struct JsonEvent {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
}

#[derive(Serialize)]
struct JsonNetwork<'a> {
    r#type: &'static str,
    transport: std::borrow::Cow<'a, str>,
    iana_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonEnd {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonService<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    transport: &'a str,
    side: &'static str,
    evidence: &'static str,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    candidates: &'a [String],
}

impl<'a> From<&'a FlowRow<'_>> for JsonFlow<'a> {
    fn from(flow: &'a FlowRow<'_>) -> Self {
        let time = |time: Option<u64>| time.map(|time| machine_time(Timestamp(time)));
        let [source, destination] = flow.ends;
        Self {
            timestamp: time(flow.first),
            event: JsonEvent { start: time(flow.first), end: time(flow.last), duration: flow.duration() },
            network: JsonNetwork {
                r#type: if source.ip.is_ipv4() { "ipv4" } else { "ipv6" },
                transport: protocol_word(flow.protocol),
                iana_number: flow.protocol.0.to_string(),
                community_id: flow.community_id(),
                packets: source.packets + destination.packets,
                bytes: source.octets + destination.octets,
            },
            source: source.into(),
            destination: destination.into(),
            svc: flow.named().map(|(service, rule)| JsonService::new(service.label, service.side(), rule)),
        }
    }
}

impl From<End> for JsonEnd {
    fn from(end: End) -> Self {
        Self { ip: end.ip, port: end.port, packets: end.packets, bytes: end.octets }
    }
}

impl<'a> JsonService<'a> {
    fn new(label: &'a Label, side: &'static str, rule: &'static str) -> Self {
        Self {
            name: label.name.as_deref(),
            port: label.port,
            transport: label.transport.as_deref().unwrap_or_default(),
            side,
            evidence: label.evidence.map_or("none", |evidence| evidence.as_str()),
            rule,
            description: label.description.as_deref(),
            instance: label.instance.as_deref(),
            candidates: &label.candidates,
        }
    }
}

const CSV_HEAD: &str = "event_start,event_end,event_duration,network_type,network_transport,network_iana_number,\
network_community_id,source_ip,source_port,source_packets,source_bytes,destination_ip,destination_port,\
destination_packets,destination_bytes,svc_name,svc_port,svc_transport,svc_side,svc_evidence,svc_rule,\
svc_description,svc_instance,svc_candidates\r\n";

fn csv(flow: &FlowRow<'_>) -> Vec<u8> {
    let time = |time: Option<u64>| time.map(|time| machine_time(Timestamp(time))).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut fields = vec![
        time(flow.first),
        time(flow.last),
        number(flow.duration()),
        if flow.ends[0].ip.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned(),
        protocol_word(flow.protocol).into_owned(),
        flow.protocol.0.to_string(),
        flow.community_id().unwrap_or_default(),
    ];
    for end in flow.ends {
        fields.extend([
            end.ip.to_string(),
            number(end.port.map(u64::from)),
            end.packets.to_string(),
            end.octets.to_string(),
        ]);
    }
    if let Some((service, rule)) = flow.named() {
        let label = service.label;
        fields.extend([
            label.name.clone().unwrap_or_default(),
            number(label.port.map(u64::from)),
            label.transport.as_deref().unwrap_or_default().to_owned(),
            service.side().to_owned(),
            label.evidence.map_or("", |evidence| evidence.as_str()).to_owned(),
            rule.to_owned(),
            label.description.clone().unwrap_or_default(),
        ]);
    } else {
        fields.extend(std::iter::repeat_n(String::new(), 7));
    }
    let mut out = Vec::new();
    for field in &fields {
        escape::csv(field.as_bytes(), &mut out);
        out.push(b',');
    }
    if let Some(label) = flow.service.map(|service| service.label) {
        // The instance is escaped where it is learned.
        escape::csv_text(label.instance.as_deref().unwrap_or_default().as_bytes(), &mut out);
        out.push(b',');
        escape::csv(label.candidates.join(" ").as_bytes(), &mut out);
    } else {
        out.push(b',');
    }
    out.extend_from_slice(b"\r\n");
    out
}
