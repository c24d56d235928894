//! Reads ONNX files into the float graph of the model crate.
