//! The faults that a backend can be given, and how a command line names them: `my_reports=timeout`.

use std::{fmt, str::FromStr};

/// One of the two backends that the sandbox simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Acronis PSA, formerly Advanced Automation.
    AdvancedAutomation,
    /// `MyReports`, also known as Xarios Dimensions.
    MyReports,
}

/// One way in which every data call of a backend fails, whatever the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
/// The token faults apply only to [`Backend::AdvancedAutomation`]: the other backend has no token endpoint
/// here, so they would do nothing there. Parsing rejects that combination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where it goes wrong.
    pub source: Backend,
    /// How it goes wrong.
    pub kind: FaultKind,
}

/// A text does not name a fault, a source or a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{problem}; a fault is written SOURCE=KIND, where SOURCE is one of {} and KIND one of {}",
    Backend::ALL.map(Backend::name).join(", "),
    FaultKind::ALL.map(FaultKind::name).join(", ")
)]
pub struct FaultError {
    problem: String,
}

// === impl Backend ===

impl Backend {
    /// Both backends.
    pub const ALL: [Self; 2] = [Self::AdvancedAutomation, Self::MyReports];

    /// Returns the name used everywhere, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdvancedAutomation => "advanced_automation",
            Self::MyReports => "my_reports",
        }
    }

    /// Returns whether its tokens come from an endpoint that can fail here.
    const fn has_token_endpoint(self) -> bool {
        match self {
            Self::AdvancedAutomation => true,
            Self::MyReports => false,
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let found = Self::ALL.into_iter().find(|backend| backend.name() == text);
        found.ok_or_else(|| FaultError::new(format!("no source is called '{text}'")))
    }
}

// === impl FaultKind ===

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::NotFound,
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited,
        Self::Timeout,
        Self::Unavailable,
        Self::InvalidResponse,
        Self::ErrorInBody,
        Self::Redirect,
        Self::Cut,
        Self::Reset,
        Self::Changing,
        Self::TokenRefused,
        Self::TokenDown,
    ];

    /// Returns the name used on a command line, in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::InvalidResponse => "invalid_response",
            Self::ErrorInBody => "error_in_body",
            Self::Redirect => "redirect",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::Changing => "changing",
            Self::TokenRefused => "token_refused",
            Self::TokenDown => "token_down",
        }
    }

    /// Returns whether the token endpoint fails, and not the data calls.
    pub const fn is_of_token(self) -> bool {
        matches!(self, Self::TokenRefused | Self::TokenDown)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| FaultError::new(format!("no kind of fault is called '{text}'")))
    }
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.source, self.kind)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((source, kind)) = text.split_once('=') else {
            return Err(FaultError::new(format!("'{text}' has no '='")));
        };
        let (source, kind): (Backend, FaultKind) = (source.trim().parse()?, kind.trim().parse()?);
        if kind.is_of_token() && !source.has_token_endpoint() {
            let problem = format!("{source} has no token endpoint here, so it cannot have {kind}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_parsed_from_what_it_is_displayed_as() {
        for kind in FaultKind::ALL {
            let source = Backend::AdvancedAutomation;
            let fault = Fault { source, kind };
            assert_eq!(fault.to_string().parse(), Ok(fault));
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
            for name in Backend::ALL.map(Backend::name) {
                assert!(error.contains(name), "{error}");
            }
            for name in FaultKind::ALL.map(FaultKind::name) {
                assert!(error.contains(name), "{error}");
            }
        }
    }
}
