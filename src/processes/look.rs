//! One look into `/proc`, and the thread that takes them.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use hashbrown::{HashMap, HashSet};
use nix::{
    ifaddrs::getifaddrs,
    unistd::{Uid, User},
};
use procfs::{
    ProcResult,
    net::{TcpState, tcp, tcp6, udp, udp6},
    process::{FDTarget, Process, all_processes},
};

use super::{End, Look, MOST, Owner, Processes, Socket, together};
use crate::{packet::TransportProtocol, text::escape};

/// How long the thread rests between looks at least.
const REST: Duration = Duration::from_millis(200);
/// How much longer than a look took it rests: a tenth of a processor is enough.
const SHARE: u32 = 9;
/// Processes that hold one socket, of which more are not told apart.
const MOST_HOLDERS: usize = 64;

/// Begins to look; see [`Processes::watch`].
pub(super) fn watch(begin: impl FnOnce() + Send + 'static) -> io::Result<Arc<Processes>> {
    let processes = Arc::new(Processes::default());
    let (first, told) = mpsc::channel();
    let weak = Arc::downgrade(&processes);
    let work = move || {
        begin();
        let mut names = Users::default();
        loop {
            let began = Instant::now();
            let look = look(&mut names).map_err(io::Error::other);
            let Some(processes) = weak.upgrade() else { return };
            let failed = look.map(|look| processes.take(look)).err();
            drop(processes);
            // Only the first one is waited for.
            let _ = first.send(failed);
            thread::sleep(REST.max(began.elapsed() * SHARE));
        }
    };
    thread::Builder::new().name("processes".to_owned()).spawn(work)?;
    match told.recv() {
        Ok(None) => Ok(processes),
        Ok(Some(error)) => Err(error),
        Err(_) => Err(io::Error::other("the thread that looks ended")),
    }
}

/// The names of users, each asked for once.
type Users = HashMap<u32, Option<Box<str>>>;

/// A socket as the kernel's tables have it, by its number.
struct Row {
    protocol: TransportProtocol,
    local: SocketAddr,
    remote: SocketAddr,
    inode: u64,
}

fn look(users: &mut Users) -> ProcResult<Look> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
    let rows = rows()?;
    let wanted = rows.iter().map(|row| row.inode).collect();
    let owners = owners(&wanted, users)?;
    let sockets = rows.into_iter().map(|row| Socket {
        protocol: row.protocol,
        local: end(row.local),
        remote: (row.remote.port() != 0).then(|| end(row.remote)),
        owner: owners.get(&row.inode).cloned().flatten(),
    });
    Ok(Look { time, sockets: sockets.collect(), addresses: addresses() })
}

fn end(address: SocketAddr) -> End {
    // Sockets of IPv6 have those of IPv4 mapped (RFC 4291 section 2.5.5.2).
    (address.ip().to_canonical(), address.port())
}

/// The sockets that somebody may hold. Those that linger after their end have no number.
fn rows() -> ProcResult<Vec<Row>> {
    let mut rows = Vec::new();
    // A kernel without IPv6 has no such tables.
    for entry in tcp()?.into_iter().chain(tcp6().unwrap_or_default()) {
        // What is half open is not handed over yet, and what listens has no other end.
        if entry.state == TcpState::Listen || entry.remote_address.port() != 0 {
            let (local, remote) = (entry.local_address, entry.remote_address);
            rows.push(Row { protocol: TransportProtocol::TCP, local, remote, inode: entry.inode });
        }
    }
    for entry in udp()?.into_iter().chain(udp6().unwrap_or_default()) {
        let (local, remote) = (entry.local_address, entry.remote_address);
        rows.push(Row { protocol: TransportProtocol::UDP, local, remote, inode: entry.inode });
    }
    rows.retain(|row| row.inode != 0);
    rows.truncate(MOST);
    Ok(rows)
}

/// Who holds these sockets. Processes that end meanwhile, and those that may not be looked into, are left out.
fn owners(wanted: &HashSet<u64>, users: &mut Users) -> ProcResult<HashMap<u64, Option<Arc<Owner>>>> {
    let mut holders: HashMap<u64, Vec<Arc<Owner>>> = HashMap::new();
    let mut of_init = HashMap::new();
    for process in all_processes()?.flatten() {
        let Ok(open) = process.fd() else { continue };
        let sockets = open.flatten().filter_map(|file| match file.target {
            FDTarget::Socket(inode) if wanted.contains(&inode) => Some(inode),
            _ => None,
        });
        let sockets: HashSet<u64> = sockets.collect();
        let Some(owner) = (!sockets.is_empty()).then(|| owner(&process, users)).flatten() else { continue };
        #[allow(clippy::iter_over_hash_type, reason = "each goes to a place of its own")]
        for inode in sockets {
            if owner.pid == Some(1) {
                // It opens sockets for others and keeps them: it owns what nobody else holds.
                of_init.insert(inode, Some(Arc::clone(&owner)));
                continue;
            }
            let holders = holders.entry(inode).or_default();
            if holders.len() < MOST_HOLDERS {
                holders.push(Arc::clone(&owner));
            }
        }
    }
    of_init.extend(holders.into_iter().map(|(inode, owners)| {
        let mut owners = owners.into_iter().map(Some);
        let first = owners.next().flatten();
        (inode, owners.fold(first, |known, owner| together(known.as_ref(), owner.as_ref())))
    }));
    Ok(of_init)
}

fn owner(process: &Process, users: &mut Users) -> Option<Arc<Owner>> {
    let harmless = |text: &[u8]| {
        let mut out = Vec::new();
        escape::terminal(text, &mut out);
        Box::from(String::from_utf8_lossy(&out))
    };
    let name = process.stat().ok()?.comm;
    let executable = process.exe().ok();
    // The kernel cuts names to 15 octets.
    let file = executable.as_ref().and_then(|path| path.file_name()).map(|name| name.as_encoded_bytes());
    let whole = file.filter(|file| name.len() == 15 && file.starts_with(name.as_bytes()));
    let user = process.uid().ok().and_then(|uid| {
        let named =
            || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| harmless(user.name.as_bytes()));
        users.entry(uid).or_insert_with(named).clone()
    });
    Some(Arc::new(Owner {
        name: harmless(whole.unwrap_or(name.as_bytes())),
        pid: u32::try_from(process.pid).ok(),
        executable: executable.map(|path| harmless(path.as_os_str().as_encoded_bytes())),
        user,
    }))
}

/// The addresses of this host's interfaces.
fn addresses() -> HashSet<std::net::IpAddr> {
    let all = getifaddrs().into_iter().flatten().filter_map(|one| one.address);
    let ip = |address: nix::sys::socket::SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
    };
    all.filter_map(ip).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::{super::KnownBy, *};

    /// This test is a process of this host, too.
    #[test]
    fn our_own_sockets_are_found() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let (accepted, _) = server.accept().unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let processes = watch(|| {}).unwrap();
        let [own, served] = [client.local_addr().unwrap(), accepted.local_addr().unwrap()].map(end);
        let held = |protocol, ends| {
            processes.held(protocol, ends, (None, None)).map(|held| {
                let held = held.unwrap();
                (held.known_by, held.owner.and_then(|owner| owner.pid))
            })
        };
        let known = |by| (by, Some(std::process::id()));
        let tcp = TransportProtocol::TCP;
        assert_eq!(held(tcp, [own, served]), [known(KnownBy::Connection); 2]);
        let elsewhere = end("127.0.0.1:1".parse().unwrap());
        assert_eq!(held(tcp, [served, elsewhere]), [known(KnownBy::Port), (KnownBy::Unknown, None)]);
        let bound = end(datagrams.local_addr().unwrap());
        assert_eq!(held(TransportProtocol::UDP, [bound, elsewhere])[0], known(KnownBy::Port));
        assert!(processes.listeners().hears(tcp, served, (None, None)));
        assert!(!processes.listeners().hears(tcp, own, (None, None)));
        let held = processes.held(tcp, [own, served], (None, None))[0].clone().unwrap();
        let owner = held.owner.unwrap();
        let executable = std::env::current_exe().unwrap();
        assert_eq!(owner.executable.as_deref(), executable.to_str());
        assert!(executable.file_name().unwrap().to_str().unwrap().starts_with(&*owner.name));
        // It goes on to look, until nobody wants to know.
        let looks = processes.looks();
        let began = Instant::now();
        while processes.looks() == looks {
            assert!(began.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(20));
        }
    }
}
