import Archives
import Text

/// Something that is often saved under a weight file's name and is none, or a format of weights that is not read.
struct Impostor {
    let problem: String
    let hint: Hint?

    init(problem: String, hint: Hint?) {
        self.problem = problem
        self.hint = hint
    }

    init?(_ head: [UInt8]) {
        let text = String(decoding: head, as: UTF8.self).lowercased()
        if let format = Self.foreign(head) {
            self = format
        } else if text.hasPrefix("version https://git-lfs") {
            problem = "is a Git LFS pointer, not the weights"
            hint = "fetch the file with 'git lfs pull'"
        } else if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") {
            problem = "is an HTML page, not the weights"
            hint = "the download was probably refused or redirected"
        } else if text.hasPrefix("<?xml") {
            let isOpenVINO = text.contains("<net ")
            problem = isOpenVINO ? "is an OpenVINO model, which is not supported" : "is an XML file, not the weights"
            hint = isOpenVINO ? "use the ONNX or PyTorch file that it was made from" : nil
        } else if head.count >= 8, head.allSatisfy({ ($0 >= 0x20 && $0 < 0x7F) || [9, 10, 13].contains($0) }) {
            problem = "is a text file, not the weights"
            hint = nil
        } else {
            return nil
        }
    }

    /// A format of weights that is recognised by its first bytes but not supported.
    private static func foreign(_ head: [UInt8]) -> Impostor? {
        func begins(_ bytes: [UInt8], at place: Int = 0) -> Bool { head.dropFirst(place).starts(with: bytes) }
        if begins([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) { return keras }
        if begins(Array("TFL3".utf8), at: 4) {
            return Impostor(
                problem: "is a TensorFlow Lite model, which is not supported",
                hint: "use the model that it was converted from, or tf2onnx's ONNX file of it")
        }
        if begins(Array("ftrt".utf8)) || begins(Array("ptrt".utf8)) {
            return Impostor(
                problem: "is a TensorRT engine, which is not supported", hint: "use the ONNX file that it was built from")
        }
        if ["lmgg", "fmgg", "tjgg", "algg"].contains(where: { begins(Array($0.utf8)) }) {
            return Impostor(
                problem: "is a GGML file from before GGUF, which is not supported",
                hint: "convert it with llama.cpp's convert_llama_ggml_to_gguf.py")
        }
        return nil
    }

    static let keras = Impostor(
        problem: "is a Keras model or another HDF5 file, which is not supported",
        hint: .words(
            "in Python: m = keras.models.load_model(FILE); m(m.inputs); m.export('model.onnx', format='onnx') keeps the graph; of the weights alone, "
                + "numpy.savez('model.npz', **{w.path: w.numpy() for w in m.weights})"))

    static let scikitLearn = Impostor(
        problem: "is a pickle of scikit-learn or joblib, which is not supported",
        hint: "in Python: numpy.savez('model.npz', *model.coefs_)")

    /// The pickle of a library whose objects are not PyTorch modules, by the names that it would import.
    static func pickle(globals: some Sequence<String>) -> Impostor? {
        globals.contains { $0.hasPrefix("sklearn.") || $0.hasPrefix("joblib.") } ? scikitLearn : nil
    }

    /// The formats that spread a model over files of known names.
    private static let folders: [(problem: String, hint: Hint, isPart: @Sendable (String) -> Bool)] = [
        (
            "is an Orbax checkpoint, which is not supported",
            "restore it in Python and save it with flax.serialization.to_bytes or numpy.savez",
            { ["manifest.ocdbt", "_CHECKPOINT_METADATA"].contains($0) || $0.hasPrefix("ocdbt.process_") }
        ),
        (
            "is a TensorFlow SavedModel, which is not supported",
            .words(
                "tf2onnx writes an ONNX file of it, which keeps the graph; of the weights alone, in Python: "
                    + "numpy.savez('model.npz', **{v.name: v.numpy() for v in tf.saved_model.load(FOLDER).variables})"),
            { $0 == "saved_model.pb" || $0 == "saved_model.pbtxt" }
        ),
        (
            "is a TensorFlow checkpoint, which is not supported",
            "in Python: r = tf.train.load_checkpoint(PATH); numpy.savez('model.npz', **{n: r.get_tensor(n) for n in r.get_variable_to_shape_map()})",
            { $0.contains(".data-00000-of-") }
        ),
        (
            "is a Megatron checkpoint, which is not supported",
            "convert it to Hugging Face's format with Megatron's tools/checkpoint/convert.py",
            { $0 == "latest_checkpointed_iteration.txt" || $0 == "model_optim_rng.pt" }
        ),
        (
            "is a Core ML model, which is not supported", "use the model that it was converted from",
            { $0 == "com.apple.CoreML" || $0.hasSuffix(".mlmodel") }
        ),
        (
            "is a frozen TensorFlow graph, which is not supported", "convert it with tf2onnx to an ONNX file",
            { $0.hasSuffix(".pb") }
        ),
        (
            "is a TensorRT engine, which is not supported", "use the ONNX file that it was built from",
            { $0.hasSuffix(".engine") || $0.hasSuffix(".plan") }
        ),
    ]

    /// The format of a container's files if none of them is a supported model.
    ///
    /// - Returns: the first file by which it is recognised, and the format.
    static func folder(_ files: [ContainerFile]) -> (file: ContainerFile, impostor: Impostor)? {
        for format in folders {
            if let file = files.first(where: { file in file.name.split(separator: "/").contains { format.isPart(String($0)) } }) {
                return (file, Impostor(problem: format.problem, hint: format.hint))
            }
        }
        for file in files {
            if let impostor = Impostor(file.head), foreign(file.head) != nil { return (file, impostor) }
        }
        return nil
    }

    /// The format that a file's name means, for formats without characteristic first bytes.
    static func name(_ baseName: String) -> Impostor? {
        if baseName.hasSuffix(DistributedCheckpoint.partEnding) {
            return Impostor(problem: "is one file of a distributed checkpoint", hint: "give the directory that contains it")
        }
        return folders.first { $0.isPart(baseName) }.map { Impostor(problem: $0.problem, hint: $0.hint) }
    }

    func error(path: String) -> Problem { Problem(path: path, problem: problem, hint: hint) }
}
