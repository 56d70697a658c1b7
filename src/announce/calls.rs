//! Calls to the port mapper that wait for their reply, and replies whose call an earlier stretch may know.

use std::{collections::VecDeque, net::IpAddr};

use hashbrown::HashMap;

use super::{store::Control, sunrpc::Call};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::Timestamp,
};

/// What a call and its reply have in common: addresses, ports and the transaction.
pub(super) type Transaction = (Control, u32);

/// The latest calls.
///
/// A call stays after its reply, which may be sent twice. So whether one is still known depends only on how many came
/// after it, and stretches merge exactly.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    /// The number of the latest call of each transaction, and what it asks for.
    known: HashMap<Transaction, (u64, Call)>,
    /// All of them with their numbers, in their order.
    order: VecDeque<(u64, Transaction)>,
    seen: u64,
    limit: usize,
}

impl Calls {
    pub(super) fn new(limit: usize) -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), seen: 0, limit }
    }

    /// How many calls there were.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn insert(&mut self, transaction: Transaction, call: Call) {
        if self.order.len() >= self.limit
            && let Some((number, oldest)) = self.order.pop_front()
            && self.known.get(&oldest).is_some_and(|&(latest, _)| latest == number)
        {
            self.known.remove(&oldest);
        }
        self.known.insert(transaction, (self.seen, call));
        self.order.push_back((self.seen, transaction));
        self.seen += 1;
    }

    /// The call of a reply that came when there were `seen` calls, later ones of the next stretch included.
    pub(super) fn find(&self, transaction: &Transaction, seen: u64) -> Option<Call> {
        let &(number, call) = self.known.get(transaction)?;
        (number + self.limit as u64 >= seen).then_some(call)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.seen);
        // Of each transaction only the latest call is known.
        let calls = self.order.iter().map(|(number, transaction)| {
            let known = self.known.get(transaction).filter(|(latest, _)| latest == number);
            (number, transaction, known.map(|&(_, call)| call))
        });
        out.all(calls);
    }

    pub(super) fn read(limit: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut calls = Self { seen: reader.get_if(|&seen| seen < 1 << 52)?, ..Self::new(limit) };
        let seen = calls.seen;
        reader.all(limit, |(number, transaction, call): (u64, Transaction, Option<Call>)| {
            check(number < seen && calls.order.back().is_none_or(|&(last, _)| last < number))?;
            if let Some(call) = call {
                check(calls.known.insert(transaction, (number, call)).is_none())?;
            }
            calls.order.push_back((number, transaction));
            Ok(())
        })?;
        Ok(calls)
    }

    /// Appends the calls of the next stretch.
    pub(super) fn merge(&mut self, later: &Self) {
        // Those that the next stretch forgot left no room for any of these.
        for (_, transaction) in &later.order {
            if let Some(&(_, call)) = later.known.get(transaction) {
                self.insert(*transaction, call);
            }
        }
    }
}

/// A reply without a call in its own stretch.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Reply {
    pub(super) from: Timestamp,
    pub(super) transaction: Transaction,
    /// Calls of its stretch before it.
    pub(super) calls: u64,
    /// Address of the server.
    pub(super) server: IpAddr,
    pub(super) result: Box<[u8]>,
}
