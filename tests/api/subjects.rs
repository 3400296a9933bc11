//! The subjects of tokens: each with a limit of its own, and with a name in the metrics.

use crate::support::{
    issuer::{SigningKey, claims_but},
    trusting::Trusting,
};

#[tokio::test]
async fn each_subject_has_a_limit_of_his_own_and_a_name_in_the_metrics() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::with(&[&key], |setup| setup.set("auth.jwt.rate", "1/h")).await;
    let of = |subject: &str| key.token(&claims_but("sub", subject));
    for subject in ["ann", "bo", "ä", "ö"] {
        assert_eq!(trusting.get(&of(subject)).await.status, 200);
        assert_eq!(trusting.get(&of(subject)).await.code(), "rate_limited");
    }
    let bearer = format!("Bearer {}", of("cy"));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    assert!(metrics.contains("caller_requests_total{caller=\"ann\",status=\"429\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_name_that_an_issuer_has_chosen_does_not_break_the_metrics() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for subject in ["x\",status=\"500", "CORP\\nina"] {
        assert_eq!(trusting.get(&key.token(&claims_but("sub", subject))).await.status, 200);
    }
    let bearer = format!("Bearer {}", key.token(&claims_but("sub", "cy")));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    for label in [r#"{caller="x\",status=\"500",status="200"} 1"#, r#"{caller="CORP\\nina",status="200"} 1"#] {
        assert!(metrics.contains(&format!("rollcall_caller_requests_total{label}")), "{label}: {metrics}");
    }
}

#[tokio::test]
async fn subjects_without_end_make_no_metrics_without_end() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for number in 0..230 {
        assert_eq!(trusting.get(&key.token(&claims_but("sub", format!("s{number}")))).await.status, 200);
    }
    let bearer = format!("Bearer {}", key.token(&claims_but("sub", "s1")));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    let named = metrics.lines().filter(|line| line.starts_with("rollcall_caller_requests_total{")).count();
    assert!(named <= 201 && metrics.contains("caller=\"other\""), "{named}");
}
