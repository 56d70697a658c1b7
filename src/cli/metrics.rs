//! `--metrics`: what a live run counts, for Prometheus, over HTTP.
//!
//! Whoever learns makes the text when it is asked for, between two batches, so that it costs nothing otherwise; a thread of
//! its own answers requests, one after the other. However often it is asked, learning goes on: what was made last is handed out again for
//! ten times as long as making it took.

use std::{
    collections::HashSet,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use portolan::{
    View,
    capture::{Backlog, Losses},
    report::summary::{By, Division, Options, Summary},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Services, each with an evidence, that are told apart; others are added up as `others`.
const MOST_SERVICES: usize = 500;
/// How long a request waits for whoever learns.
const PATIENCE: Duration = Duration::from_secs(3);
/// A text is handed out for so many times as long as making it took: no more than an eleventh of the time is spent on that.
const REST: u32 = 10;
/// How long a client may take for its request, and for taking the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);
/// Octets of a request at most.
const MOST_OF_A_REQUEST: u64 = 8 << 10;
/// How long nothing may come from whoever learns before it counts as ill; a quiet interface is heard of ten times a second.
const ILL: Duration = Duration::from_secs(10);

/// Nobody asks.
const IDLE: u8 = 0;
/// Somebody asks, and what was lost is to be told first.
const ASKED: u8 = 1;
/// What was lost was told: the text can be made.
const READY: u8 = 2;

type Labels = Vec<(&'static str, String)>;

/// What was made last.
#[derive(Default)]
struct Made {
    text: Arc<str>,
    /// How often it was made.
    count: u64,
    /// Until when it is not made anew.
    rest_until: Option<Instant>,
    losses: Option<Losses>,
    /// The services that have a place of their own.
    services: HashSet<(String, String)>,
    beat: Option<Instant>,
}

impl Made {
    /// Whether learning goes on.
    fn is_well(&self) -> bool {
        self.beat.is_some_and(|beat| beat.elapsed() < ILL)
    }
}

/// The counters of a run.
#[derive(Default)]
pub(crate) struct Metrics {
    state: AtomicU8,
    made: Mutex<Made>,
    is_made: Condvar,
    backlog: Mutex<Option<Arc<Backlog>>>,
}

impl Metrics {
    /// Listens on an address, which may need privileges. Returns that with its port, where any was asked for.
    ///
    /// # Errors
    /// It cannot be listened on.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Begins to answer, on a thread of its own.
    ///
    /// # Errors
    /// There is no room for that.
    pub(crate) fn serve(listener: TcpListener) -> io::Result<Arc<Self>> {
        let metrics = Arc::new(Self::default());
        // Who learns is about to begin.
        metrics.beat();
        let own = Arc::clone(&metrics);
        thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is no matter.
                let _ = own.answer(&stream);
            }
        })?;
        Ok(metrics)
    }

    /// Where what waits to be learned is told.
    pub(crate) fn watch(&self, backlog: Arc<Backlog>) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = Some(backlog);
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything is asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != IDLE
    }

    /// Takes what was lost.
    pub(crate) fn take_losses(&self, losses: Option<Losses>) {
        self.made().losses = losses;
        let _ = self.state.compare_exchange(ASKED, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether the text is to be made now.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state.load(Ordering::Relaxed) == READY
    }

    /// Says that learning goes on.
    pub(crate) fn beat(&self) {
        self.made().beat = Some(Instant::now());
    }

    /// Makes the text of what is known; whoever does has been at it since it `began`.
    pub(crate) fn make(&self, view: &View<'_>, began: Instant) {
        let mut made = self.made();
        let losses = made.losses;
        let text = self.text(view, losses, &mut made.services);
        (made.text, made.count) = (text.into(), made.count + 1);
        made.rest_until = Some(Instant::now() + began.elapsed() * REST);
        self.state.store(IDLE, Ordering::Relaxed);
        self.is_made.notify_all();
    }

    fn text(&self, view: &View<'_>, losses: Option<Losses>, known: &mut HashSet<(String, String)>) -> String {
        let mut all = Registry::with_prefix("portolan");
        let span = view.knowledge.span();
        let mut count = |name: &str, help: &str, value: u64| {
            let counter = Counter::<u64>::default();
            counter.inc_by(value);
            all.register(name, help, counter);
        };
        count("packets", "Packets that were charted", span.packets);
        count("octets", "What they took on the wire", span.octets);
        let evicted: u64 = view.knowledge.departed().map(|gone| gone.flows).sum();
        count("evicted_flows", "Flows that left the full table; totals are kept", evicted);
        if let Some(losses) = losses {
            count(
                "received_packets",
                "Packets that passed the filter, as the kernel counts",
                losses.received,
            );
            let dropped = Family::<Labels, Counter>::default();
            for (place, value) in [("kernel", losses.kernel_dropped), ("interface", losses.interface_dropped)]
            {
                dropped.get_or_create(&vec![("place", place.to_owned())]).inc_by(value);
            }
            all.register("dropped_packets", "Packets that were lost on the way", dropped);
        }
        let left_out = Family::<Labels, Counter>::default();
        for (value, what) in view.knowledge.losses() {
            left_out.get_or_create(&vec![("what", what.to_owned())]).inc_by(value);
        }
        all.register("left_out", "What found no room in a table", left_out);
        let mut gauge = |name: &str, help: &str, value: i64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(value);
            all.register(name, help, gauge);
        };
        gauge("five_tuples", "Five-tuples in the table", view.knowledge.flows().len() as i64);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if let Some(last) = span.last() {
            let age = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX).saturating_sub(last.0 as i64);
            // A clock that was set back is no reason to be ahead of time.
            gauge(
                "last_packet_age_milliseconds",
                "How long ago the last packet came",
                age.max(0) / 1_000_000,
            );
        }
        if let Some(backlog) = &*self.backlog.lock().unwrap_or_else(PoisonError::into_inner) {
            gauge("waiting_octets", "What was captured and waits to be charted", backlog.waiting() as i64);
            gauge("waiting_octets_highest", "The most that waited so far", backlog.highest() as i64);
        }
        Self::services(view, known, &mut all);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &all);
        text
    }

    /// Gauges, as a flow that is named anew leaves what it was counted as.
    fn services(view: &View<'_>, known: &mut HashSet<(String, String)>, all: &mut Registry) {
        let [packets, octets, flows] = [(); 3].map(|()| Family::<Labels, Gauge>::default());
        let Ok(by) = Division::new(&[By::Service, By::Evidence]) else { return };
        let summary = Summary::of(view.knowledge, view.answers, by, 1);
        for row in summary.rows(&Options { by, ..Options::default() }) {
            let (service, evidence) = row.key.rsplit_once(' ').unwrap_or((&row.key, ""));
            let mut key = (service.to_owned(), evidence.to_owned());
            if !known.contains(&key) && known.len() >= MOST_SERVICES {
                "others".clone_into(&mut key.0);
            } else {
                known.insert(key.clone());
            }
            let labels = vec![("service", key.0), ("evidence", key.1)];
            let sums = [(&packets, row.packets), (&octets, row.bytes), (&flows, row.flows().unwrap_or(0))];
            for (family, value) in sums {
                family.get_or_create(&labels).inc_by(i64::try_from(value).unwrap_or(i64::MAX));
            }
        }
        all.register("service_packets", "Packets by service, and how its name is known", packets);
        all.register("service_octets", "What they took on the wire", octets);
        all.register("service_flows", "Flows", flows);
    }

    /// Answers a request.
    fn answer(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        let mut request = BufReader::new(stream.take(MOST_OF_A_REQUEST));
        let (mut first, mut line, begun) = (String::new(), String::new(), Instant::now());
        request.read_line(&mut first)?;
        // What else the request says is read, or closing would take the answer back.
        while request.read_line(&mut line)? > 2 && begun.elapsed() < CLIENT_TIMEOUT {
            line.clear();
        }
        let (status, kind, body) = match first.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "/metrics", ..] => match self.wait() {
                Some(text) => ("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", text),
                None => ("503 Service Unavailable", "text/plain", "learning does not answer\n".into()),
            },
            ["GET", "/healthz", ..] if self.made().is_well() => ("200 OK", "text/plain", "ok\n".into()),
            ["GET", "/healthz", ..] => {
                ("503 Service Unavailable", "text/plain", "learning stands still\n".into())
            }
            ["GET", ..] => ("404 Not Found", "text/plain", "there are /metrics and /healthz\n".into()),
            _ => ("405 Method Not Allowed", "text/plain", "GET alone is answered\n".into()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())
    }

    /// Asks whoever learns, and waits for the text; takes that at hand where none is made yet. `None` where there was none yet, or
    /// learning stands still.
    fn wait(&self) -> Option<Arc<str>> {
        let made = self.made();
        if made.rest_until.is_some_and(|until| Instant::now() < until) {
            return Some(Arc::clone(&made.text));
        }
        let before = made.count;
        let _ = self.state.compare_exchange(IDLE, ASKED, Ordering::Relaxed, Ordering::Relaxed);
        let is_old = |made: &mut Made| made.count == before;
        let waited = self.is_made.wait_timeout_while(made, PATIENCE, is_old);
        let (made, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_there = !timeout.timed_out() || made.count > 0 && made.is_well();
        is_there.then(|| Arc::clone(&made.text))
    }
}

#[cfg(test)]
mod tests {
    use portolan::{Answers, Knowledge, knowledge};

    use super::*;

    fn asked(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    /// What took a second is not made anew for ten, so that whoever learns is asked for nothing.
    #[test]
    fn learning_goes_on_however_often_it_is_asked() {
        let (listener, address) = Metrics::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let metrics = Metrics::serve(listener).unwrap();
        let registry = portolan::Registry::built_in();
        let knowledge = Knowledge::whole(knowledge::Options::default());
        let answers = Answers::of(&knowledge, &registry, false, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        let learned = |took: Duration| {
            while !metrics.is_asked() {
                thread::sleep(Duration::from_millis(1));
            }
            let losses = Losses { received: 7, ..Losses::default() };
            metrics.take_losses(Some(losses));
            metrics.make(&view, Instant::now().checked_sub(took).unwrap());
        };
        let first = thread::spawn(move || asked(address));
        learned(Duration::from_secs(1));
        let first = first.join().unwrap();
        assert!(
            first.starts_with("HTTP/1.1 200 OK\r\n") && first.contains("portolan_received_packets_total 7\n"),
            "{first}"
        );
        for _ in 0..3 {
            assert_eq!(asked(address), first);
        }
        assert!(!metrics.is_asked());
        assert_eq!(metrics.made().count, 1);
        // Once that is over, it is asked again.
        metrics.made().rest_until = Some(Instant::now());
        let second = thread::spawn(move || asked(address));
        learned(Duration::ZERO);
        assert!(second.join().unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(metrics.made().count, 2);
    }
}
