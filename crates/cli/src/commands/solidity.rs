//! `haloracle solidity`: the verifier contract, key data and calldata.

use std::fmt;
use std::path::PathBuf;

use alloy::primitives::Address;
use eyre::{ensure, eyre};
use haloracle_prover::{Bundle, Shape, Srs};
use haloracle_solidity_verifier::{SrsVerifierPart, Verifier, calldata, contract_name, vk_code};
use serde::Serialize;

use crate::exit::Exit;
use crate::text::{hexed, write};
use crate::ui::Ui;

use super::verify::read_proof;

/// `haloracle solidity`
#[derive(Debug, clap::Args)]
pub(crate) struct SolidityArgs {
    /// Bundle with keys: its verifier, key data and, with --proof, calldata
    #[arg(required_unless_present = "universal", conflicts_with = "universal")]
    bundle: Option<PathBuf>,
    /// Only the verifier contracts, which fit every model under one SRS
    #[arg(long, requires = "srs")]
    universal: bool,
    /// SRS that the universal verifier is made for
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    srs: Option<PathBuf>,
    /// Also write calldata of `verify` for this proof
    #[arg(long, value_name = "FILE", requires = "bundle")]
    proof: Option<PathBuf>,
    /// Address of the contract that holds the key data, for the calldata
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "proof",
        default_value = "0x0000000000000000000000000000000000000000"
    )]
    vk: Address,
    /// Folder for the files
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Serialize)]
struct SolidityReport {
    files: Vec<PathBuf>,
    srs_hash: String,
    srs_unsafe: bool,
    sizes: Vec<Sizes>,
}

#[derive(Serialize)]
struct Sizes {
    shape: Shape,
    proof_bytes: usize,
    vk_bytes: usize,
    multiplications: usize,
}

impl fmt::Display for SolidityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files
            .iter()
            .try_for_each(|file| writeln!(f, "wrote     {}", file.display()))?;
        let secret = if self.srs_unsafe {
            "  UNSAFE, development only"
        } else {
            ""
        };
        writeln!(f, "srs hash  {}{secret}", self.srs_hash)?;
        for sizes in &self.sizes {
            writeln!(
                f,
                "{:9} proof {} bytes, key data {} bytes, {} curve multiplications",
                sizes.shape.name(),
                sizes.proof_bytes,
                sizes.vk_bytes,
                sizes.multiplications
            )?;
        }
        Ok(())
    }
}

impl SolidityArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let mut shapes = Shape::ALL.to_vec();
        let mut key_data = None;
        let srs = match (&self.bundle, &self.srs) {
            (Some(bundle), _) => {
                let bundle = Bundle::open(bundle)?;
                let key = bundle.verifying_key()?;
                shapes = vec![key.shape()];
                let data = key.to_data();
                files.push(("vk.hex".into(), line(&data)));
                files.push(("vk-code.hex".into(), line(&vk_code(&data))));
                key_data = Some(data);
                files.push(("onchain.json".into(), bundle.file("onchain.json")?));
                bundle.srs()?
            }
            (None, Some(srs)) => Srs::read(srs)?,
            (None, None) => return Err(eyre!("--universal needs --srs FILE")),
        };
        if let Some(path) = &self.proof {
            let proof = read_proof(path)?
                .map_err(|problem| eyre!("`{}` cannot be encoded: {problem}", path.display()))?;
            let data = calldata(&self.vk.into_array(), &proof.instances, &proof.evm);
            files.push(("calldata.hex".into(), line(&data)));
        }
        let part = SrsVerifierPart::new(&srs);
        ensure!(
            part.hash() == srs.hash(),
            "the SRS's hash is not what its verifier part says"
        );
        let mut sizes = Vec::new();
        for shape in shapes {
            let verifier = Verifier::machine(shape)?;
            let name = format!("{}.sol", contract_name(shape));
            files.push((name, verifier.generate(&part)?.into_bytes()));
            sizes.push(Sizes {
                shape,
                proof_bytes: verifier.proof_len(),
                vk_bytes: verifier.vk_len(),
                // A model that leaves fixed columns unused takes fewer than its shape.
                multiplications: match &key_data {
                    Some(data) => verifier.multiplications_for(data),
                    None => verifier.multiplications(),
                },
            });
        }
        for (name, content) in &files {
            write(&self.output.join(name), content)?;
        }
        ui.data(&SolidityReport {
            files: files
                .iter()
                .map(|(name, _)| self.output.join(name))
                .collect(),
            srs_hash: hexed(srs.hash()),
            srs_unsafe: srs.is_unsafe(),
            sizes,
        })?;
        Ok(Exit::Yes)
    }
}

fn line(bytes: &[u8]) -> Vec<u8> {
    (hexed(bytes) + "\n").into_bytes()
}
