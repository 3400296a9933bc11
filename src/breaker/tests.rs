//! The breaker: case by case, and compared with a naive one.

use proptest::prelude::*;

use super::*;

const SETTINGS: BreakerSettings =
    BreakerSettings { failure_ratio: 0.5, min_calls: 4, window: Duration::from_secs(10), open_for: Duration::from_secs(5) };

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn call(circuit: &mut Circuit, verdict: Verdict, now: Instant) -> bool {
    let Ok(pass) = circuit.pass(now) else { return false };
    circuit.record(pass, verdict, now, 1.0);
    true
}

#[test]
fn it_opens_at_the_ratio_and_not_before_enough_calls() {
    let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
    for verdict in [Verdict::Failed, Verdict::Answered, Verdict::Failed, Verdict::Nothing] {
        assert!(call(&mut circuit, verdict, now));
    }
    assert_eq!(circuit.state(now), BreakerState::Closed, "three calls that say something are too few");
    call(&mut circuit, Verdict::Answered, now);
    assert_eq!(circuit.state(now), BreakerState::Open, "half of four");
    assert_eq!(circuit.pass(after(now, 2)), Err(Duration::from_secs(3)));
}

#[test]
fn old_failures_are_forgotten() {
    let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
    for _ in 0..3 {
        call(&mut circuit, Verdict::Failed, now);
    }
    call(&mut circuit, Verdict::Failed, after(now, 10));
    assert_eq!(circuit.state(after(now, 10)), BreakerState::Closed);
}

#[test]
fn one_probe_decides() {
    let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
    for _ in 0..4 {
        call(&mut circuit, Verdict::Failed, now);
    }
    let later = after(now, 5);
    assert_eq!(circuit.state(later), BreakerState::HalfOpen);
    assert_eq!(circuit.pass(later), Ok(Pass::Probe));
    assert!(circuit.pass(later).is_err(), "one probe at a time");
    circuit.record(Pass::Probe, Verdict::Nothing, later, 1.0);
    assert_eq!(circuit.pass(later), Ok(Pass::Probe), "a probe that was given up gives its place back");
    circuit.record(Pass::Probe, Verdict::Failed, later, 1.0);
    assert_eq!(circuit.state(later), BreakerState::Open);
    assert!(call(&mut circuit, Verdict::Answered, after(later, 5)));
    assert_eq!(circuit.state(after(later, 5)), BreakerState::Closed);
}

#[test]
fn a_call_that_was_not_made_before_it_opened_is_not_made() {
    let breaker = Breaker::new(SETTINGS);
    let waiting = breaker.pass().unwrap();
    for _ in 0..4 {
        breaker.pass().unwrap().finish(Verdict::Failed);
    }
    assert!(!waiting.is_probe() && waiting.holds().is_err());
    let probe = Permit { circuit: Arc::clone(&breaker.0), pass: Pass::Probe, done: true };
    assert!(probe.holds().is_ok(), "a probe is to be made");
}

#[test]
fn a_call_of_before_it_opened_changes_nothing() {
    let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
    let early = circuit.pass(now).unwrap();
    for _ in 0..4 {
        call(&mut circuit, Verdict::Failed, now);
    }
    circuit.record(early, Verdict::Answered, now, 1.0);
    assert_eq!(circuit.state(now), BreakerState::Open);
}

/// The same state machine, written naively: it remembers every call with its second.
#[derive(Default)]
struct Model {
    open_until: Option<u64>,
    calls: Vec<(u64, bool)>,
}

impl Model {
    fn call(&mut self, verdict: Verdict, now: u64) -> bool {
        match self.open_until {
            Some(until) if now < until => return false,
            Some(_) => match verdict {
                Verdict::Answered => *self = Self::default(),
                Verdict::Failed => self.open_until = Some(now + 5),
                Verdict::Nothing => {}
            },
            None if verdict == Verdict::Nothing => {}
            None => {
                self.calls.push((now, verdict == Verdict::Failed));
                self.calls.retain(|(at, _)| now - at < 10);
                let failed = self.calls.iter().filter(|(_, failed)| *failed).count();
                if self.calls.len() >= 4 && 2 * failed >= self.calls.len() {
                    *self = Self { open_until: Some(now + 5), calls: Vec::new() };
                }
            }
        }
        true
    }
}

proptest! {
    #[test]
    fn it_does_what_the_naive_one_does(calls in prop::collection::vec((0_u64..4, 0_u8..5), 0..60)) {
        let (mut circuit, mut model, start, mut now) = (Circuit::new(SETTINGS), Model::default(), Instant::now(), 0);
        for (wait, verdict) in calls {
            now += wait;
            let verdict = match verdict {
                0 | 1 => Verdict::Failed,
                2 | 3 => Verdict::Answered,
                _ => Verdict::Nothing,
            };
            prop_assert_eq!(call(&mut circuit, verdict, after(start, now)), model.call(verdict, now));
            let expected = match model.open_until {
                None => BreakerState::Closed,
                Some(until) if now < until => BreakerState::Open,
                Some(_) => BreakerState::HalfOpen,
            };
            prop_assert_eq!(circuit.state(after(start, now)), expected);
        }
    }
}

#[test]
fn answers_and_refusals_are_no_illness() {
    use FailureKind::*;
    for kind in FailureKind::ALL {
        let expected = match kind {
            Timeout | Unavailable | InvalidResponse => Verdict::Failed,
            Overloaded => Verdict::Nothing,
            _ => Verdict::Answered,
        };
        assert_eq!(Verdict::from(Some(kind)), expected);
    }
}
