//! The faults that a backend can be given, and how a command line names them: `my_reports=timeout`.

use std::str::FromStr;

use clap::ValueEnum;

/// One of the backends that the sandbox simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SimulatedBackend {
    /// Acronis PSA, formerly Advanced Automation.
    AdvancedAutomation,
    /// `MyReports`, also known as Xarios Dimensions.
    MyReports,
}

/// One way in which every data call of a backend fails, whatever the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FaultKind {
    /// 404: no such customer.
    NotFound,
    /// 400: the customer's id is refused.
    BadRequest,
    /// 401 on data calls; the token endpoint still hands out tokens.
    Unauthorized,
    /// 403: the credentials are good, but not for this.
    Forbidden,
    /// 429 with `Retry-After: 30`.
    RateLimited,
    /// No answer for ten minutes, then a closed connection.
    Timeout,
    /// 503 with an HTML page.
    Unavailable,
    /// 200 with an HTML page.
    InvalidResponse,
    /// 200 with JSON that says `"status": "error"` and `"error": 404`.
    ErrorInBody,
    /// 302 to the same path at another host, which does not exist.
    Redirect,
    /// 200 whose connection ends before the announced length.
    Cut,
    /// The connection is reset before the first byte of an answer.
    Reset,
    /// Counts that never agree: another `AmountRecordsFound` on every call, a `page_size` that does not match
    /// the rows.
    Changing,
    /// The token endpoint answers 401 `invalid_client`; Advanced Automation only.
    TokenRefused,
    /// The token endpoint answers 503; Advanced Automation only.
    TokenDown,
}

/// A fault at one backend.
///
/// The token faults apply only to [`SimulatedBackend::AdvancedAutomation`]: no other backend has a token endpoint
/// here, so they would do nothing there. Parsing rejects that combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where it goes wrong.
    pub source: SimulatedBackend,
    /// How it goes wrong.
    pub kind: FaultKind,
}

/// A text does not name a fault, a source or a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{problem}; a fault is written SOURCE=KIND, where SOURCE is one of {} and KIND one of {}",
    names::<SimulatedBackend>(),
    names::<FaultKind>()
)]
pub struct FaultError {
    problem: String,
}

// === impl SimulatedBackend ===

impl SimulatedBackend {
    /// Returns whether its tokens come from an endpoint that can fail here.
    const fn has_token_endpoint(self) -> bool {
        match self {
            Self::AdvancedAutomation => true,
            Self::MyReports => false,
        }
    }
}

// === impl FaultKind ===

impl FaultKind {
    /// Returns whether the token endpoint fails, and not the data calls.
    pub const fn is_of_token(self) -> bool {
        matches!(self, Self::TokenRefused | Self::TokenDown)
    }
}

// === impl Fault ===

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((source, kind)) = text.split_once('=') else {
            return Err(FaultError::new(format!("'{text}' has no '='")));
        };
        let (source, kind): (SimulatedBackend, FaultKind) = (named(source, "source")?, named(kind, "kind of fault")?);
        if kind.is_of_token() && !source.has_token_endpoint() {
            let problem = format!("{} has no token endpoint here, so it cannot have {}", name(&source), name(&kind));
            return Err(FaultError::new(problem));
        }
        Ok(Self { source, kind })
    }
}

// === impl FaultError ===

impl FaultError {
    fn new(problem: String) -> Self {
        Self { problem }
    }
}

// === names, in `snake_case` ===

fn named<T: ValueEnum>(text: &str, what: &str) -> Result<T, FaultError> {
    let text = text.trim();
    T::from_str(text, false).map_err(|_| FaultError::new(format!("no {what} is called '{text}'")))
}

fn name<T: ValueEnum>(of: &T) -> String {
    of.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned()) // none is hidden
}

fn names<T: ValueEnum>() -> String {
    T::value_variants().iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_parsed_from_its_name() {
        for (text, kind) in [("not_found", FaultKind::NotFound), ("error_in_body", FaultKind::ErrorInBody)] {
            assert_eq!(format!(" my_reports = {text}").parse(), Ok(Fault { source: SimulatedBackend::MyReports, kind }));
        }
        for kind in FaultKind::value_variants() {
            let (source, kind) = (SimulatedBackend::AdvancedAutomation, *kind);
            assert_eq!(format!("advanced_automation={}", name(&kind)).parse(), Ok(Fault { source, kind }));
        }
    }

    #[test]
    fn an_error_names_what_is_wrong_and_lists_what_is_right() {
        for (text, problem) in [
            ("my_reports", "'my_reports' has no '='"),
            ("acronis=timeout", "no source is called 'acronis'"),
            ("my_reports=Timeout", "no kind of fault is called 'Timeout'"),
            ("my_reports=", "no kind of fault is called ''"),
            ("my_reports=token_down", "my_reports has no token endpoint"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.starts_with(problem), "{error}");
            let all = format!("SOURCE is one of {} and KIND one of {}", names::<SimulatedBackend>(), names::<FaultKind>());
            assert!(error.ends_with(&all), "{error}");
        }
    }
}
