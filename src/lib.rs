//! Rollcall
pub mod config;
pub mod customers;
pub mod domain;
pub mod flight;
pub mod offload;
pub mod roll;
pub mod sandbox;
pub mod sources;
pub mod telemetry;
