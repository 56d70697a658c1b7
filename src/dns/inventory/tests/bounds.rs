//! Tables of bounded size, filled.

use super::*;

#[test]
fn one_sender_leaves_room_for_others() {
    let mut lab = Lab::default();
    let fakes = Limits::NAMES as u32 / 4 * 3 + 100;
    for first in (0..fakes).step_by(100) {
        let mut message = Builder::response();
        for number in first..first + 100 {
            message = message.answer(
                &[format!("h{number}").as_bytes(), b"local"],
                RecordType::A,
                1,
                &[10, 0, 0, 1],
            );
        }
        lab.send(1.0, OTHER, message);
    }
    let limits = lab.inventory.limits();
    assert_eq!(limits, Limits { names: 196, ..Limits::default() });
    lab.send(2.0, OWNER, Builder::response().answer(HOST, RecordType::A, 120, &OWNER));
    assert_eq!(lab.inventory.limits(), limits);
}

#[test]
fn bounds_hold_and_are_counted() {
    let mut lab = Lab::default();
    let mut message = Builder::response();
    for number in 0..Limits::RECORDS_OF_NAME as u16 + 44 {
        let [high, low] = number.to_be_bytes();
        message = message.answer(HOST, RecordType::A, 120, &[10, 0, high, low]);
    }
    lab.send(1.0, OWNER, message);
    assert_eq!(lab.inventory.limits(), Limits { records: 44, ..Limits::default() });
    // A goodbye and a revival in turn, for an hour: the queue does not grow with them.
    for second in 2..3_600 {
        lab.send(f64::from(second), OWNER, pointer(if second % 3 == 0 { 0 } else { 4_500 }));
    }
    assert!(lab.inventory.cache.queue_len() <= 4 * 129 + 1_024);
}
