//! `explain`: why a packet, a flow or an endpoint got its name.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
};

use clap::{Args, ValueEnum};
use portolan::{
    Answers, Job, View,
    knowledge::Options,
    packet::TransportProtocol,
    pipeline::Outcome,
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
    watch::Watch,
};

#[derive(Args, Debug)]
#[group(id = "subject", required = true, multiple = false, args = ["packet", "flow", "endpoint", "community_id"])]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) input: Input,
    /// The packet with this number; of several files, `FILE:N`.
    #[arg(long, value_name = "[FILE:]N", value_parser = packet)]
    pub(crate) packet: Option<Subject>,
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

impl From<ExplainFormat> for Format {
    fn from(format: ExplainFormat) -> Self {
        match format {
            ExplainFormat::Text => Self::Table,
            ExplainFormat::Json => Self::Json,
        }
    }
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

fn packet(text: &str) -> Result<Subject, String> {
    let (file, number) = match text.rsplit_once(':') {
        Some((file, number)) => (Some(file.to_owned()), number),
        None => (None, text),
    };
    let number = number.parse().ok().filter(|&number| number > 0);
    Ok(Subject::Packet(file, number.ok_or("packets are numbered from 1, in each file")?))
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
        return Err(refuse("explain takes neither -f, -c, --from nor --to: all packets count for a name"));
    }
    let community_id = args.community_id.clone().map(Subject::CommunityId);
    let given = [args.packet.clone(), args.flow.clone(), args.endpoint.clone(), community_id];
    let Some(subject) = given.into_iter().flatten().next() else {
        return Err(refuse("nothing to explain is given"));
    };
    let session = Session::new(global, &args.input)?;
    session.refuse_base("explain")?;
    if !session.stored.is_empty() {
        return of_stored(global, args, &session, &subject);
    }
    if !session.reads_files() {
        return Err(refuse("explain reads files, as they must be read more than once"));
    }
    let mut job = session.job()?;
    if !job.inputs.can_be_read_twice() {
        return Err(refuse("explain reads its input more than once: give files, not a pipe"));
    }
    let subject = of_file(subject, &job.inputs.names())?;
    let mut out = output::of_job(global, &job)?;
    let (watch, again) = (session.watch("learning"), session.watch("explaining").again());
    let (mut all, mut text) = (Outcome::default(), None);
    while text.is_none() && !all.stopped && job.next_turn() {
        let learned = job.learn(Options::default(), &watch);
        let (known, outcome) = learned.map_err(|failure| watch.end(failure))?;
        all.add(outcome);
        again.knows(&watch);
        let answers = Answers::of(&known, &session.registry, true, job.threads);
        let view = View { knowledge: &known, answers: &answers, registry: &session.registry };
        text = explained(&mut job, &view, &subject, args.format, &again)?;
    }
    let code = exit::worse(session.code.get(), watch.code(&all)?);
    let Some(text) = text else {
        message::error("what is to be explained is not in the capture");
        return Err(End::Said(if code == exit::GOOD { exit::DIFFERENT } else { code }));
    };
    out.write_all(&text)?;
    out.finish()?;
    Ok(code)
}

/// Explains what knowledge files tell, alone or with captures: all but the packets that were learned from before.
fn of_stored(global: &Global, args: &Explain, session: &Session<'_>, subject: &Subject) -> Result<u8, End> {
    if matches!(subject, Subject::Packet(..)) {
        session.refuse_stored(
            "a knowledge file holds no packets: ask for --flow, --endpoint or --community-id",
        )?;
    }
    let mut job = session.job()?;
    let has_captures = !job.inputs.names().is_empty();
    if has_captures && !job.inputs.can_be_read_twice() {
        return Err(refuse("explain reads its input more than once: give files, not a pipe"));
    }
    let mut out = output::of_job(global, &job)?;
    let (watch, again) = (session.watch("learning"), session.watch("explaining").again());
    let (known, outcome) = super::knowledge::joined(global, session, &mut job, &watch, None)?;
    again.knows(&watch);
    let answers = Answers::of(&known, &session.registry, true, job.threads);
    let view = View { knowledge: &known, answers: &answers, registry: &session.registry };
    let code = exit::worse(session.code.get(), watch.code(&outcome)?);
    let Some(key) = subject.key(&view) else {
        message::error("what is to be explained is not in the knowledge");
        return Err(End::Said(if code == exit::GOOD { exit::DIFFERENT } else { code }));
    };
    let watcher = Watcher::of_flow(key, &view);
    let mut evidence = Evidence::of(&watcher);
    if has_captures {
        job.chart(&view, watcher, &mut evidence, &again).map_err(|failure| again.end(failure))?;
    }
    explain::write(None, (Some(key), &evidence), &view, args.format.into(), &mut out)?;
    out.finish()?;
    Ok(code)
}

/// The subject in the file that is meant, where frames are counted in each of several.
fn of_file(subject: Subject, names: &[String]) -> Result<Subject, End> {
    match (subject, names) {
        (Subject::Packet(None, _), [_, _, ..]) => Err(refuse(
            "packets are numbered in each file: say which file is meant, as in --packet FILE:NUMBER",
        )),
        (Subject::Packet(Some(file), _), _) if !names.contains(&file) => {
            Err(refuse(&format!("{file} is none of the inputs")))
        }
        // Records name their file only where there are several.
        (Subject::Packet(_, number), [_]) => Ok(Subject::Packet(None, number)),
        (subject, _) => Ok(subject),
    }
}

/// The explanation, if what is to be explained is in the inputs at hand.
fn explained(
    job: &mut Job<'_>,
    view: &View<'_>,
    subject: &Subject,
    format: ExplainFormat,
    watch: &Watch<'_>,
) -> Result<Option<Vec<u8>>, End> {
    let mut found = |watcher: Watcher| -> Result<Evidence, End> {
        let mut evidence = Evidence::of(&watcher);
        job.chart(view, watcher, &mut evidence, watch).map_err(|failure| watch.end(failure))?;
        Ok(evidence)
    };
    let packet = match subject {
        Subject::Packet(file, number) => Some(found(Watcher::of_packet(file.clone(), *number))?),
        _ => None,
    };
    let key = match &packet {
        Some(packet) => packet.first().and_then(|seen| seen.key),
        None => subject.key(view),
    };
    if packet.as_ref().map_or(key.is_none(), |packet| packet.first().is_none()) {
        return Ok(None);
    }
    let evidence = match key {
        Some(key) => found(Watcher::of_flow(key, view))?,
        None => Evidence::default(),
    };
    let mut text = Vec::new();
    explain::write(packet.as_ref(), (key, &evidence), view, format.into(), &mut text)?;
    Ok(Some(text))
}
