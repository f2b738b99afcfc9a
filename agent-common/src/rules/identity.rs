//! For which account a process acts, where several could be meant: one, by the strongest evidence.

/// What shows for whom a process acts, the weakest first. Stronger evidence takes a process from one account to another; equal or
/// weaker evidence never does, so who is in stays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Evidence {
    /// Its real user id, unless a person is logged in.
    User = 1,
    /// Its login user id, which outlives every change of user.
    Login = 2,
    /// Its control group: a unit's, or a container's.
    Unit = 3,
    /// The program that it runs, or the script.
    Program = 4,
    /// It was started as the account's.
    Launched = 5,
}

impl Evidence {
    /// All of it, the weakest first.
    pub const ALL: [Self; 5] = [Self::User, Self::Login, Self::Unit, Self::Program, Self::Launched];

    /// What a number in a map stands for.
    #[must_use]
    pub fn from_word(word: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|evidence| *evidence as u32 == word)
    }

    /// Whether it takes a process away from the account that it acts for by other evidence.
    #[must_use]
    #[inline(always)]
    pub const fn outranks(self, other: Self) -> bool {
        self as u32 > other as u32
    }
}

/// Whose a login user id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login<C> {
    /// Nobody has logged in.
    Nobody,
    /// This account claims whoever has logged in so.
    Account(C),
    /// An account has the user, though it goes by real user ids.
    User,
    /// Anybody else's: a person's.
    Person,
}

/// Who claims a process by its user ids. A person who becomes an account's user (`sudo -iu deploy`) stays a person: what is done
/// then was not done by itself.
#[must_use]
#[inline(always)]
pub fn by_user<C>(login: Login<C>, real: Option<C>) -> Option<C> {
    match login {
        Login::Account(claim) => Some(claim),
        Login::Person => None,
        Login::Nobody | Login::User => real,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_stronger_than_those_before_it_and_no_stronger_than_itself() {
        use Evidence::{Launched, Login, Program, Unit, User};
        assert_eq!(Evidence::ALL, [User, Login, Unit, Program, Launched]);
        for (index, evidence) in Evidence::ALL.into_iter().enumerate() {
            for (other, than) in Evidence::ALL.into_iter().enumerate() {
                assert_eq!(evidence.outranks(than), index > other, "{evidence:?} {than:?}");
            }
            assert_eq!(Evidence::from_word(evidence as u32), Some(evidence));
        }
        assert_eq!([0, 6, u32::MAX].map(Evidence::from_word), [None; 3]);
    }

    #[test]
    fn a_person_who_becomes_an_accounts_user_stays_a_person() {
        let (login, real) = ("login", "real");
        for (of_login, of_real, expected) in [
            (Login::Nobody, None, None),
            (Login::Nobody, Some(real), Some(real)),
            (Login::User, None, None),
            (Login::User, Some(real), Some(real)),
            (Login::Person, None, None),
            (Login::Person, Some(real), None),
            (Login::Account(login), None, Some(login)),
            (Login::Account(login), Some(real), Some(login)),
        ] {
            assert_eq!(by_user(of_login, of_real), expected, "{of_login:?} {of_real:?}");
        }
    }
}
