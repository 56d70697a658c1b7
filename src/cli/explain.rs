//! `explain`: why a packet, a flow or an endpoint got its name.

use std::net::{IpAddr, SocketAddr};

use clap::{Args, ValueEnum};
use portolan::{
    Answers, Job, View,
    knowledge::Options,
    packet::TransportProtocol,
    report::{
        Format,
        explain::{self, Evidence, Subject, Watcher},
    },
};

use super::{
    End,
    args::Global,
    exit,
    input::{Input, Session},
    message, output,
};

#[derive(Args, Debug)]
#[group(id = "subject", required = true, multiple = false, args = ["packet", "flow", "endpoint", "community_id"])]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) input: Input,
    /// The packet with this number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) packet: Option<u64>,
    /// The flow between two endpoints: `192.0.2.7:50512-192.0.2.10:443/tcp`; IPv6 addresses in brackets.
    #[arg(long, value_name = "A:P-B:P/TRANSPORT", value_parser = flow)]
    pub(crate) flow: Option<Subject>,
    /// An endpoint: `192.0.2.10:443/tcp`, `[2001:db8::1]:443/tcp`; the first flow that it serves is explained.
    #[arg(long, value_name = "ADDR:PORT/TRANSPORT", value_parser = endpoint)]
    pub(crate) endpoint: Option<Subject>,
    /// The flow with this Community ID: `1:…`.
    #[arg(long, value_name = "ID")]
    pub(crate) community_id: Option<String>,
    /// Form of the explanation.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: ExplainFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}

/// The ends and the transport of a text.
fn parts(text: &str) -> Result<(&str, TransportProtocol), String> {
    let (ends, transport) = text.rsplit_once('/').ok_or("a transport is missing: /tcp, /udp, /sctp…")?;
    let protocol = match transport {
        "tcp" => TransportProtocol::TCP,
        "udp" => TransportProtocol::UDP,
        "udp-lite" => TransportProtocol::UDP_LITE,
        "sctp" => TransportProtocol::SCTP,
        "dccp" => TransportProtocol::DCCP,
        _ => return Err(format!("{transport} is no transport with ports: tcp, udp, udp-lite, sctp, dccp")),
    };
    Ok((ends, protocol))
}

fn address(text: &str) -> Result<(IpAddr, u16), String> {
    let form = "an endpoint is 192.0.2.10:443 or [2001:db8::1]:443";
    let parsed = text.parse::<SocketAddr>().map_err(|_| format!("{text}: {form}"))?;
    Ok((parsed.ip(), parsed.port()))
}

fn flow(text: &str) -> Result<Subject, String> {
    let (ends, protocol) = parts(text)?;
    let (one, other) = ends.split_once('-').ok_or("a flow is two endpoints with - between them")?;
    let (one, other) = (address(one)?, address(other)?);
    if one.0.is_ipv4() != other.0.is_ipv4() {
        return Err("both ends of a flow are IPv4, or both are IPv6".to_owned());
    }
    Ok(Subject::Flow(one, other, protocol))
}

fn endpoint(text: &str) -> Result<Subject, String> {
    let (end, protocol) = parts(text)?;
    Ok(Subject::Endpoint(address(end)?, protocol))
}

/// Says why the command line cannot be followed.
fn refuse(reason: &str) -> End {
    message::error(reason);
    End::Said(exit::USAGE)
}

pub(crate) fn run(global: &Global, args: &Explain) -> Result<u8, End> {
    if args.input.selects_from_files() {
        return Err(refuse("explain takes neither -f nor -c: all packets count for a name"));
    }
    let packet = args.packet.map(Subject::Packet);
    let community_id = args.community_id.clone().map(Subject::CommunityId);
    let subject = packet.or_else(|| args.flow.clone()).or_else(|| args.endpoint.clone()).or(community_id);
    let Some(subject) = subject else { return Err(refuse("nothing to explain is given")) };
    let session = Session::new(global, &args.input)?;
    if !session.reads_files() {
        return Err(refuse("explain reads a file, as it must be read more than once"));
    }
    let mut job = session.job()?;
    if !job.inputs.can_be_read_twice() || job.inputs.names().len() > 1 {
        return Err(refuse("explain reads one file, and reads it more than once"));
    }
    let mut out = output::of_job(global, &job)?;
    let watch = session.watch("learning");
    let learned = job.learn(Options::default(), &watch);
    let (knowledge, outcome) = learned.map_err(|failure| watch.end(failure))?;
    let code = watch.code(&outcome)?;
    let answers = Answers::of(&knowledge, &session.registry, true, job.threads);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &session.registry };
    let found = |job: &mut Job<'_>, watcher: Watcher| -> Result<Evidence, End> {
        let (mut evidence, again) = (Evidence::default(), session.watch("explaining").again());
        job.chart(&view, watcher, &mut evidence, &again).map_err(|failure| again.end(failure))?;
        Ok(evidence)
    };
    let packet = match subject {
        Subject::Packet(number) => Some(found(&mut session.job()?, Watcher::of_packet(number))?),
        _ => None,
    };
    let key = match &packet {
        Some(packet) => packet.first().and_then(|seen| seen.key),
        None => subject.key(&view),
    };
    if packet.as_ref().map_or(key.is_none(), |packet| packet.first().is_none()) {
        message::error("what is to be explained is not in the capture");
        return Err(End::Said(if code == exit::GOOD { exit::DIFFERENT } else { code }));
    }
    let evidence = match key {
        Some(key) => found(&mut session.job()?, Watcher::of_flow(key, &view))?,
        None => Evidence::default(),
    };
    let format = match args.format {
        ExplainFormat::Text => Format::Table,
        ExplainFormat::Json => Format::Json,
    };
    explain::write(packet.as_ref(), (key, &evidence), &view, format, &mut out)?;
    out.finish()?;
    Ok(code)
}
