//! How much a grant lets pass: so many operations of each kind, and so many of any.
//!
//! Several CPUs may come for the last one at once, so each number goes down by a compare-exchange; what was taken of one
//! number is given back if another has nothing left.

use super::{Kind, Kinds};

/// The number that counts operations of any kind; those before it are by [`Kind`].
pub const ANY: usize = Kind::COUNT;
/// For how many there is room: a power of two, since the kernel's verifier understands a mask. What lies behind [`ANY`] is of
/// no matter.
pub const NUMBERS: usize = (ANY + 1).next_power_of_two();
/// As many as there come.
pub const UNLIMITED: u64 = u64::MAX;
/// How often one is come for while others are faster; then it is as if nothing was left.
const ATTEMPTS: u32 = 8;

/// One number of a grant.
pub trait Number {
    /// What is left.
    fn left(&self) -> u64;
    /// Puts `to` there if `from` still is; whether it did.
    fn replace(&self, from: u64, to: u64) -> bool;
    /// Adds one.
    fn add_one(&self);
}

/// The numbers of one grant, for who goes on with [`take_one`] and [`give_one`] on each: the kernel's verifier follows those once,
/// and not once for each number.
pub trait Allowance {
    /// Takes one; false if nothing is left, or if `all` is wanted of what is limited.
    fn take_one(&self, number: usize, all: bool) -> bool;
    /// Gives it back.
    fn give_one(&self, number: usize);
}

/// Takes one operation; false, and nothing taken, if it is not admitted. A whole tree that goes at once is more than any
/// number of its kind; to have others act is of no kind, so where kinds are limited it is not admitted.
#[must_use]
#[inline(always)]
pub fn take(allowance: &impl Allowance, kinds: Kinds) -> bool {
    let mut number = 0;
    while number <= ANY {
        let all = kinds.is_by_itself() && number != ANY;
        if concerns(kinds, number) && !allowance.take_one(number, all) {
            break;
        }
        number += 1;
    }
    if number > ANY {
        return true;
    }
    give_below(allowance, kinds, number);
    false
}

/// Gives back what [`take`] has taken for the same kinds.
#[inline(always)]
pub fn give_back(allowance: &impl Allowance, kinds: Kinds) {
    give_below(allowance, kinds, NUMBERS);
}

#[inline(always)]
fn give_below(allowance: &impl Allowance, kinds: Kinds, end: usize) {
    let mut number = 0;
    while number <= ANY {
        if number < end && concerns(kinds, number) {
            allowance.give_one(number);
        }
        number += 1;
    }
}

/// Whether an operation of these kinds counts there.
#[inline(always)]
const fn concerns(kinds: Kinds, number: usize) -> bool {
    number == ANY || kinds.is_escape() || kinds.bits() as usize >> number & 1 == 1
}

/// One of what is left, see [`Allowance::take_one`].
#[must_use]
#[inline(always)]
pub fn take_one(number: &impl Number, all: bool) -> bool {
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let left = number.left();
        if left == UNLIMITED {
            return true;
        }
        if left == 0 || all {
            return false;
        }
        if number.replace(left, left - 1) {
            return true;
        }
        attempt += 1;
    }
    false
}

/// Gives one back.
#[inline(always)]
pub fn give_one(number: &impl Number) {
    if number.left() != UNLIMITED {
        number.add_one();
    }
}

#[cfg(test)]
mod tests;
