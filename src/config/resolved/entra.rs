//! What Entra is told of a sign-in, by switch.

use ipnet::IpNet;

/// What Entra reads of a sign-in besides who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntraClaims {
    /// The networks whose clients are inside; none: nothing is said of it.
    pub inside_corporate_network: Vec<IpNet>,
    /// Of the password's end.
    pub password_expiry: Option<PasswordExpiryClaims>,
    /// Whether it is said that the account is a user's.
    pub account_type: bool,
    /// Whether the issuer is said again, as a claim.
    pub issuer_id: bool,
    /// Whether the instant of the sign-in is said again, as a claim.
    pub authentication_instant: bool,
}

impl EntraClaims {
    /// How many claims these are.
    pub fn claims(&self) -> usize {
        let expiry = self.password_expiry.as_ref().map_or(0, |expiry| 2 + usize::from(expiry.change_url.is_some()));
        let inside = !self.inside_corporate_network.is_empty();
        let switches = [inside, self.account_type, self.issuer_id, self.authentication_instant];
        expiry + switches.into_iter().filter(|on| *on).count()
    }
}

/// What is said of a password that expires soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordExpiryClaims {
    /// The attribute with the instant, a FILETIME.
    pub attribute: String,
    /// Where a password can be changed.
    pub change_url: Option<String>,
}
