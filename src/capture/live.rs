//! Live capture through libpcap.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use pcap::{Active, Capture, ConnectionStatus, Linktype, Precision};

use super::{
    Error, Losses, Source,
    any::Interfaces,
    device::{Device, LiveOptions},
    filler::BATCH_LEN,
    filter::{from_data_link, reason},
};
use crate::packet::{Batch, Frame, Interface, Timestamp};

/// Link type of `any` whose headers have the interface: DLT_LINUX_SLL2.
const SLL2: Linktype = Linktype(276);

/// How long [`Live::fill`] waits for a packet, so that its caller can look after other things.
const WAIT: Duration = Duration::from_millis(100);

/// An interface being captured on.
pub struct Live {
    capture: Capture<Active>,
    interfaces: Interfaces,
    /// Nanoseconds in a unit of libpcap's sub-second field.
    unit: u64,
    number: u64,
    stop: Arc<AtomicBool>,
    due: Option<Instant>,
    /// When the capture was told to end.
    end: Option<Timestamp>,
    losses: Losses,
    /// The counters as last read; libpcap's have 32 bits and go round.
    last: [u32; 3],
    options: LiveOptions,
    /// When to try next whether an interface is there again that went away.
    gone: Option<Instant>,
    /// What the system said last of the link, and when to ask next.
    link: (Option<String>, Instant),
}

/// What opening an interface gives.
struct Opened {
    capture: Capture<Active>,
    interface: Interface,
    unit: u64,
}

/// How often it is asked whether an interface is there again.
const AGAIN: Duration = Duration::from_millis(500);
/// How often the system is asked for the state of the link.
const LINK: Duration = Duration::from_secs(1);

impl Live {
    /// Begins to capture on an interface: its name, its number in [`devices`] from 1, or `any`.
    ///
    /// # Errors
    /// [`Error::Permission`] with what to do about it, [`Error::Interface`] with the interfaces there are,
    /// [`Error::Filter`].
    pub fn open(interface: &str, options: &LiveOptions) -> Result<Self, Error> {
        let name = by_number(interface).unwrap_or_else(|| interface.to_owned());
        let Opened { capture, interface, unit } = Self::begin(&name, options)?;
        let now = Instant::now();
        Ok(Self {
            capture,
            unit,
            number: 1,
            stop: Arc::clone(&options.stop),
            due: options.duration.map(|duration| now + duration),
            end: None,
            losses: Losses::default(),
            last: [0; 3],
            options: options.clone(),
            gone: None,
            link: (link_state(&name), now + LINK),
            interfaces: Interfaces::new(interface),
        })
    }

    /// Opens an interface of that name.
    fn begin(name: &str, options: &LiveOptions) -> Result<Opened, Error> {
        let name = name.to_owned();
        let nanoseconds = has_nanoseconds(&name);
        // libpcap warns that `any` cannot be promiscuous, and the crate takes the warning for a failure.
        let promiscuous = options.promiscuous && name != "any";
        let mut capture = match activate(&name, options, promiscuous, nanoseconds) {
            Err(error) if promiscuous && error.to_string().to_lowercase().contains("promiscuous") => {
                activate(&name, options, false, nanoseconds)
            }
            opened => opened,
        }
        .map_err(|error| refused(&name, reason(error)))?;
        let failed = |reason| Error::Interface { interface: name.clone(), reason };
        if let Some(link) = &options.link {
            let chosen = match link.parse() {
                Ok(number) => Linktype(number),
                Err(_) => by_name(link, &capture.list_datalinks().unwrap_or_default())
                    .ok_or_else(|| failed(format!("{link} is no link type libpcap knows")))?,
            };
            if chosen != capture.get_datalink() {
                capture.set_datalink(chosen).map_err(|error| {
                    let offered = capture.list_datalinks().unwrap_or_default();
                    failed(format!("{}; it offers {}", reason(error), names(&offered)))
                })?;
            }
        }
        if options.link.is_none()
            && name == "any"
            && capture.list_datalinks().is_ok_and(|offered| offered.contains(&SLL2))
        {
            // Its headers tell which interface a frame came from; where it is not to be had, they do without.
            let _ = capture.set_datalink(SLL2);
        }
        if let Some(filter) = &options.filter {
            capture
                .filter(filter, true)
                .map_err(|error| Error::Filter { filter: filter.clone(), reason: reason(error) })?;
        }
        // Not to block on a quiet interface: on Linux libpcap's own timeout begins with the first packet.
        let capture = capture.setnonblock().map_err(|error| failed(reason(error)))?;
        let interface = Interface {
            link: from_data_link(capture.get_datalink()),
            snap_len: snap_len(options),
            name: Some(name),
            fcs_len: None,
        };
        Ok(Opened { capture, interface, unit: if nanoseconds { 1 } else { 1_000 } })
    }

    /// Tells what became of the interface.
    fn notice(&self, what: &str) {
        if let Some(notice) = self.options.notice {
            notice(&format!("{}: {what}", self.name()));
        }
    }

    /// Notes that the interface went away, where it is waited for.
    fn leave(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Interface { ref reason, .. } if self.options.wait => {
                self.notice(&format!("{reason}: waiting for it to come back; what passes meanwhile is lost"));
                self.gone = Some(Instant::now() + AGAIN);
                Ok(())
            }
            error => Err(error),
        }
    }

    /// Tries whether the interface is there again, when it is time to.
    fn come_back(&mut self, due: Instant) -> Result<(), Error> {
        if Instant::now() < due {
            std::thread::sleep(WAIT.min(due.saturating_duration_since(Instant::now())));
            return Ok(());
        }
        self.gone = Some(Instant::now() + AGAIN);
        match Self::begin(self.name(), &self.options) {
            Ok(opened) if opened.interface.link == self.interfaces.device().link => {
                (self.capture, self.unit, self.last, self.gone) = (opened.capture, opened.unit, [0; 3], None);
                self.notice("is there again");
                Ok(())
            }
            Ok(opened) => {
                let (old, new) = (self.interfaces.device().link, opened.interface.link);
                let reason = format!("it came back with link type {new} in place of {old}");
                Err(Error::Interface { interface: self.name().to_owned(), reason })
            }
            Err(Error::Interface { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tells when the link went down or up.
    fn look_at_link(&mut self) {
        let now = Instant::now();
        if self.options.notice.is_none() || now < self.link.1 {
            return;
        }
        let state = link_state(self.name());
        if let (Some(before), Some(state)) = (&self.link.0, &state)
            && before != state
        {
            self.notice(&format!("link {state}, was {before}"));
        }
        self.link = (state.or(self.link.0.take()), now + LINK);
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        self.interfaces.device().name.as_deref().unwrap_or_default()
    }

    fn failed(&self, error: pcap::Error) -> Error {
        Error::Interface { interface: self.name().to_owned(), reason: reason(error) }
    }

    /// Takes all packets that are there, up to a full batch.
    fn take(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Self { capture, interfaces, unit, .. } = self;
        let link = interfaces.device().link;
        loop {
            let taken = capture.dispatch(None, |packet| {
                let header = packet.header;
                let seconds = u64::try_from(header.ts.tv_sec).unwrap_or(0);
                let fraction = u64::try_from(header.ts.tv_usec).unwrap_or(0);
                batch.push(&Frame {
                    number: 0,
                    time: Some(Timestamp(
                        seconds
                            .saturating_mul(Timestamp::SECOND)
                            .saturating_add(fraction.saturating_mul(*unit)),
                    )),
                    interface: interfaces.of(packet.data),
                    link,
                    octets: packet.data,
                    original_len: header.len,
                });
            });
            match taken {
                Ok(0) | Err(pcap::Error::TimeoutExpired) => return Ok(()),
                Ok(_) if batch.octets().len() < BATCH_LEN => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn is_due(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.due.is_some_and(|due| Instant::now() >= due)
    }

    /// Sleeps until a packet comes, a signal, or the end of the time.
    #[cfg(unix)]
    fn wait(&self, time: Duration) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        // An error is a signal, which the caller wants to know of, or one that the next read meets again.
        let _ = poll(&mut [PollFd::new(&self.capture, PollFlags::IN)], Some(&timeout));
    }

    #[cfg(not(unix))]
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl Source for Live {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        if self.end.is_none() && self.is_due() {
            self.end = Some(now());
        }
        batch.begin(self.number, 0);
        self.look_at_link();
        if let Some(due) = self.gone {
            if self.end.is_none() {
                self.come_back(due)?;
            }
            return Ok(self.end.is_none());
        }
        let mut taken = self.take(batch);
        if taken.is_ok() && batch.is_empty() {
            // The kernel hands packets over within a WAIT; at the end none of them shall be left behind.
            self.wait(if self.end.is_some() { 2 * WAIT } else { WAIT });
            taken = self.take(batch);
        }
        if let Err(error) = taken {
            // What was lost by then is known no more once it is opened again.
            self.losses();
            self.leave(error)?;
        }
        batch.names = self.interfaces.names();
        self.number += batch.len() as u64;
        let Some(end) = self.end else { return Ok(true) };
        Ok(batch.frames().next().is_some_and(|first| first.time.is_none_or(|time| time <= end)))
    }

    fn interfaces(&self) -> &[Interface] {
        self.interfaces.list()
    }

    fn losses(&mut self) -> Option<Losses> {
        let stat = self.capture.stats().ok()?;
        let now = [stat.received, stat.dropped, stat.if_dropped];
        let [received, kernel, interface] =
            std::array::from_fn(|index| u64::from(now[index].wrapping_sub(self.last[index])));
        self.last = now;
        self.losses.received += received;
        self.losses.kernel_dropped += kernel;
        self.losses.interface_dropped += interface;
        Some(self.losses)
    }
}

/// What the system says of an interface's link: `up`, `down`, `lowerlayerdown` and so on, as the kernel's `operstate` has it.
#[cfg(target_os = "linux")]
fn link_state(name: &str) -> Option<String> {
    let state = std::fs::read_to_string(format!("/sys/class/net/{name}/operstate")).ok()?;
    Some(state.trim().to_owned()).filter(|state| state != "unknown")
}

#[cfg(not(target_os = "linux"))]
fn link_state(_: &str) -> Option<String> {
    None
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The interfaces, in libpcap's order.
///
/// Each network interface is opened for a moment, to learn its link types and whether it may be.
///
/// # Errors
/// [`Error::Interface`] where libpcap cannot list them.
pub fn devices() -> Result<Vec<Device>, Error> {
    Ok(list()?.into_iter().map(describe).collect())
}

fn list() -> Result<Vec<pcap::Device>, Error> {
    pcap::Device::list()
        .map_err(|error| Error::Interface { interface: "all interfaces".to_owned(), reason: reason(error) })
}

fn describe(device: pcap::Device) -> Device {
    let (mut links, mut missing) = (Vec::new(), None);
    if is_network(&device.name) {
        match activate(&device.name, &LiveOptions::default(), false, false) {
            Ok(capture) => {
                let offered = capture.list_datalinks().unwrap_or_default();
                links = offered.into_iter().map(from_data_link).collect();
            }
            Err(error) => {
                missing = Some(match refused(&device.name, reason(error)) {
                    Error::Permission { reason, .. } | Error::Interface { reason, .. } => reason,
                    other => other.to_string(),
                });
            }
        }
    }
    Device {
        description: device.desc,
        addresses: device.addresses.iter().map(|address| address.addr).collect(),
        links,
        up: device.flags.is_up(),
        running: device.flags.is_running(),
        loopback: device.flags.is_loopback(),
        wireless: device.flags.is_wireless(),
        connected: match device.flags.connection_status {
            ConnectionStatus::Connected => Some(true),
            ConnectionStatus::Disconnected => Some(false),
            ConnectionStatus::Unknown | ConnectionStatus::NotApplicable => None,
        },
        missing,
        name: device.name,
    }
}

/// Whether a device is a network interface. libpcap lists others, some of which change what they
/// watch when they are opened: an nfqueue takes the packets, a D-Bus connection becomes a monitor.
fn is_network(name: &str) -> bool {
    !["bluetooth", "dbus-", "nflog", "nfqueue", "usbmon"].iter().any(|prefix| name.starts_with(prefix))
}

/// Whether libpcap gives nanoseconds when asked; the crate does not say.
fn has_nanoseconds(name: &str) -> bool {
    cfg!(target_os = "linux") && is_network(name)
}

fn snap_len(options: &LiveOptions) -> u32 {
    const MOST: u32 = 262_144;
    if options.snap_len == 0 { MOST } else { options.snap_len.min(MOST) }
}

fn activate(
    name: &str,
    options: &LiveOptions,
    promiscuous: bool,
    nanoseconds: bool,
) -> Result<Capture<Active>, pcap::Error> {
    let mut capture = Capture::from_device(name)?
        .snaplen(snap_len(options).cast_signed())
        .promisc(promiscuous)
        .timeout(WAIT.as_millis() as i32)
        .buffer_size(i32::try_from(options.buffer).unwrap_or(i32::MAX))
        .immediate_mode(options.immediate);
    if nanoseconds {
        capture = capture.precision(Precision::Nano);
    }
    capture.open()
}

/// The name of the interface with that number in the list, if `interface` is a number and no name.
fn by_number(interface: &str) -> Option<String> {
    let number: usize = interface.parse().ok()?;
    let devices = pcap::Device::list().ok()?;
    if devices.iter().any(|device| device.name == interface) {
        return None;
    }
    Some(devices.into_iter().nth(number.checked_sub(1)?)?.name)
}

/// Why an interface was not opened: it is not there, it may not be opened, or what libpcap says.
fn refused(name: &str, reason: String) -> Error {
    let interface = name.to_owned();
    let there = list().unwrap_or_default();
    if !there.iter().any(|device| device.name == name) {
        let there = there.into_iter().map(|device| device.name).collect::<Vec<_>>().join(", ");
        return Error::Interface { interface, reason: format!("no such interface; there are {there}") };
    }
    let lower = reason.to_lowercase();
    if lower.contains("permission") || lower.contains("permitted") || lower.contains("cap_net") {
        // The file itself: setcap follows no links, and the program need not be on the path.
        let program = std::env::current_exe().and_then(|program| program.canonicalize());
        let program = program.map_or("portolan".to_owned(), |program| program.display().to_string());
        let program = program.replace('\'', r"'\''");
        let cure = format!("allow it once with `sudo setcap cap_net_raw,cap_net_admin=eip '{program}'`");
        return Error::Permission { interface, reason: format!("{reason}; {cure}, or run it as root") };
    }
    Error::Interface { interface, reason }
}

/// The link type of that name among those `offered`, as we or libpcap call it, else any that libpcap knows.
fn by_name(name: &str, offered: &[Linktype]) -> Option<Linktype> {
    let is_called = |link: &&Linktype| {
        let own = from_data_link(**link).to_string();
        own.eq_ignore_ascii_case(name) || link.get_name().is_ok_and(|known| known.eq_ignore_ascii_case(name))
    };
    offered.iter().find(is_called).copied().or_else(|| Linktype::from_name(name).ok())
}

fn names(links: &[Linktype]) -> String {
    let name = |link: &Linktype| link.get_name().unwrap_or_else(|_| link.0.to_string());
    links.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Instant};

    use super::*;

    #[test]
    fn names_the_interfaces_there_are() {
        let Err(Error::Interface { reason, .. }) = Live::open("no-such-0", &LiveOptions::default()) else {
            panic!()
        };
        assert!(reason.starts_with("no such interface; there are"), "{reason}");
    }

    #[test]
    fn link_types_go_by_the_names_that_are_shown_and_by_those_of_libpcap() {
        // DLT_LINUX_SLL is 113, DLT_LINUX_SLL2 276.
        let offered = [Linktype(113), Linktype(276)];
        for name in ["linux-sll2", "LINUX-SLL2", "LINUX_SLL2", "linux_sll2"] {
            assert_eq!(by_name(name, &offered), Some(Linktype(276)), "{name}");
        }
        assert_eq!(by_name("EN10MB", &offered), Some(Linktype(1)));
        assert_eq!(by_name("no-such-type", &offered), None);
    }

    /// Skips where capturing is not allowed, as in most builds.
    #[test]
    fn captures_on_the_loopback_interface() {
        let Some(loopback) = devices().unwrap().into_iter().find(|device| device.loopback) else {
            eprintln!("skipped: no loopback interface");
            return;
        };
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = LiveOptions {
            filter: Some(format!("udp dst port {port}")),
            snap_len: 60,
            immediate: true,
            ..LiveOptions::default()
        };
        let mut live = match Live::open(&loopback.name, &options) {
            Ok(live) => live,
            Err(Error::Permission { reason, .. }) => {
                assert!(reason.contains("sudo setcap cap_net_raw,cap_net_admin=eip '/"), "{reason}");
                eprintln!("skipped: {reason}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        assert!(!loopback.links.is_empty());
        for number in 0..3_u8 {
            UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .send_to(&[number; 100], listener.local_addr().unwrap())
                .unwrap();
        }
        let now = now();
        let (mut batch, mut seen, begin) = (Batch::new(), Vec::new(), Instant::now());
        while seen.len() < 3 && begin.elapsed() < Duration::from_secs(5) {
            assert!(live.fill(&mut batch).unwrap());
            assert_eq!(batch.interface_name(0), Some(loopback.name.as_str()));
            seen.extend(batch.frames().map(|frame| {
                // The kernel's ring may keep a few less, for alignment.
                assert!((50..=60).contains(&frame.octets.len()), "{}", frame.octets.len());
                // Ethernet, IPv4 and UDP headers before the 100 octets.
                assert_eq!(frame.original_len, 142);
                assert!(frame.time.unwrap().0.abs_diff(now.0) < 10 * Timestamp::SECOND);
                (frame.number, frame.octets[42])
            }));
        }
        assert_eq!(seen, [(1, 0), (2, 1), (3, 2)]);
        let losses = live.losses().unwrap();
        assert!(losses.received >= 3 && losses.kernel_dropped == 0, "{losses:?}");
        // A quiet interface gives an empty batch after a short while.
        let begin = Instant::now();
        assert!(live.fill(&mut batch).unwrap() && batch.is_empty());
        assert!(begin.elapsed() < Duration::from_secs(2));
    }

    /// Skips where capturing is not allowed, as in most builds.
    #[test]
    fn what_came_before_the_end_is_read() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let options = LiveOptions {
            filter: Some(format!("udp dst port {}", listener.local_addr().unwrap().port())),
            ..LiveOptions::default()
        };
        let Some(mut live) = devices()
            .unwrap()
            .into_iter()
            .find(|device| device.loopback)
            .and_then(|loopback| Live::open(&loopback.name, &options).ok())
        else {
            eprintln!("skipped: no loopback interface to capture on");
            return;
        };
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"before", listener.local_addr().unwrap()).unwrap();
        options.stop.store(true, Ordering::Relaxed);
        let mut batch = Batch::new();
        let mut seen = Vec::new();
        while live.fill(&mut batch).unwrap() {
            seen.extend(batch.frames().map(|frame| frame.octets[42..].to_vec()));
            sender.send_to(b"after", listener.local_addr().unwrap()).unwrap();
        }
        assert_eq!(seen.first().map(Vec::as_slice), Some(&b"before"[..]));
    }

    #[test]
    fn refuses_a_bad_filter() {
        let options = LiveOptions { filter: Some("prot 53".to_owned()), ..LiveOptions::default() };
        match Live::open("lo", &options) {
            Err(Error::Filter { filter, .. }) => assert_eq!(filter, "prot 53"),
            Err(error) => eprintln!("skipped: {error}"),
            Ok(_) => panic!(),
        }
    }
}
