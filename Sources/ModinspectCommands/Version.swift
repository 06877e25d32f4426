/// The version that `--version`, reports and archives carry.
let modinspectVersion = "0.1.0"
