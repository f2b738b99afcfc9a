//! Placeholder for the sensor.

pub(crate) mod btf;
