//! Generates the Solidity verifier, verifying key data and calldata from the constraint system.
