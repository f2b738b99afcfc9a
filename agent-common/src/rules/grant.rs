//! How much a grant lets pass: so many operations of each kind, and so many of any.
//!
//! Several CPUs may come for the last one at once, so each number goes down by a compare-exchange; what was taken of one
//! number is given back if another has nothing left.

use super::{Kind, Kinds};

/// The number that counts operations of any kind; those before it are by [`Kind`].
pub const ANY: usize = Kind::COUNT;
/// How many numbers there are.
pub const NUMBERS: usize = ANY + 1;
/// As many as there come.
pub const UNLIMITED: u64 = u64::MAX;
/// How often one is come for while others are faster; then it is as if nothing was left.
const ATTEMPTS: u32 = 8;

/// The numbers of one grant.
pub trait Allowance {
    /// What is left.
    fn left(&self, number: usize) -> u64;
    /// Puts `to` there if `from` still is; whether it did.
    fn replace(&self, number: usize, from: u64, to: u64) -> bool;
    /// Adds one.
    fn add_one(&self, number: usize);
}

/// Takes one operation; false, and nothing taken, if it is not admitted. A whole tree that goes at once is more than any
/// number of its kind.
#[must_use]
#[inline(always)]
pub fn take(allowance: &impl Allowance, kinds: Kinds) -> bool {
    let mut number = 0;
    while number < NUMBERS {
        if concerns(kinds, number) && !take_one(allowance, number, kinds.is_whole() && number != ANY) {
            give_below(allowance, kinds, number);
            return false;
        }
        number += 1;
    }
    true
}

/// Gives back what [`take`] has taken for the same kinds.
#[inline(always)]
pub fn give_back(allowance: &impl Allowance, kinds: Kinds) {
    give_below(allowance, kinds, NUMBERS);
}

#[inline(always)]
fn give_below(allowance: &impl Allowance, kinds: Kinds, end: usize) {
    let mut number = 0;
    while number < NUMBERS {
        if number < end && concerns(kinds, number) && allowance.left(number) != UNLIMITED {
            allowance.add_one(number);
        }
        number += 1;
    }
}

/// Whether an operation of these kinds counts there.
#[inline(always)]
const fn concerns(kinds: Kinds, number: usize) -> bool {
    number == ANY || kinds.bits() as usize >> number & 1 == 1
}

#[inline(always)]
fn take_one(allowance: &impl Allowance, number: usize, wants_all: bool) -> bool {
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let left = allowance.left(number);
        if left == UNLIMITED {
            return true;
        }
        if left == 0 || wants_all {
            return false;
        }
        if allowance.replace(number, left, left - 1) {
            return true;
        }
        attempt += 1;
    }
    false
}

#[cfg(test)]
mod tests;
