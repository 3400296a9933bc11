//! When an access token is renewed. Pure.

use std::time::Duration;

use crate::shared_cache::SharedAccess;

/// How long before its end a token is renewed at the earliest (15 minutes in Acronis' own samples).
const EARLIEST_RENEWAL: Duration = Duration::from_mins(15);

/// When a token is renewed: a fifth of its lifetime before its end, but at most 15 minutes before.
pub(super) fn renew_after(life: Duration) -> Duration {
    life.saturating_sub((life / 5).min(EARLIEST_RENEWAL))
}

/// Whether it is time to renew an access token that is valid for another `left`.
pub(super) fn is_due(access: &SharedAccess, left: Duration) -> bool {
    let life = Duration::from_millis(access.life);
    life.saturating_sub(left) >= renew_after(life) || left.is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_token_is_renewed_before_its_end() {
        for (life, renewed) in [(7200, 6300), (300, 240), (5, 4)] {
            assert_eq!(renew_after(Duration::from_secs(life)), Duration::from_secs(renewed));
        }
    }

    #[test]
    fn an_access_token_that_is_due_is_renewed_and_not_taken() {
        let access = SharedAccess { token: Secret::new("a"), ends: 0, life: 300_000 };
        for (left, due) in [(300, false), (61, false), (60, true), (1, true), (0, true)] {
            assert_eq!(is_due(&access, Duration::from_secs(left)), due, "{left}");
        }
    }
}
