import Archives
import FoundationEssentials
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Formats that are refused by name, with what to do.
struct ForeignFormatTests {
    @Test(
        arguments: [
            ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0], "is a Keras model or another HDF5 file"),
            ([0x1C, 0, 0, 0] + Array("TFL3".utf8), "is a TensorFlow Lite model"),
            (Array("ftrt".utf8) + [0, 0, 0, 0], "is a TensorRT engine"),
            (Array("lmgg".utf8) + [0, 0, 0, 0], "is a GGML file from before GGUF"),
            (Array("<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">".utf8), "is an OpenVINO model"),
            (Array("<?xml version=\"1.0\"?>\n<svg>".utf8), "is an XML file, not the weights"),
        ] as [([UInt8], String)])
    func filesAreToldByTheirFirstBytes(bytes: [UInt8], message: String) {
        let problem = problem { try openCheckpoint(bytes, path: "model.bin") }
        #expect(problem?.contains(message) == true, "\(problem ?? "read")")
        #expect(problem?.contains("\n") == false)
    }

    /// A folder of files with the given names, opened.
    private func opened(_ files: [String: [UInt8]]) throws -> String? {
        let folder = FileManager.default.temporaryDirectory.path + "/foreign-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, bytes) in files {
            let place = folder + "/" + name
            let parent = String(place[..<(place.lastIndex(of: "/") ?? place.endIndex)])
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(fileURLWithPath: place))
        }
        return problem { try Checkpoint.open(folder) }
    }

    @Test func foldersAreToldByTheirFiles() throws {
        let cases: [([String], String)] = [
            (["manifest.ocdbt", "d/0a1b"], "is an Orbax checkpoint"),
            (["default/_CHECKPOINT_METADATA", "default/ocdbt.process_0/manifest.ocdbt"], "is an Orbax checkpoint"),
            (["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"], "is a TensorFlow SavedModel"),
            (["checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001"], "is a TensorFlow checkpoint"),
            (["latest_checkpointed_iteration.txt", "iter_0000100/x"], "is a Megatron checkpoint"),
            (["Manifest.json", "Data/com.apple.CoreML/model.mlmodel"], "is a Core ML model"),
            (["frozen.pb"], "is a frozen TensorFlow graph"),
            (["model.plan"], "is a TensorRT engine"),
        ]
        for (names, message) in cases {
            let problem = try opened(Dictionary(uniqueKeysWithValues: names.map { ($0, [1, 2, 3, 4]) }))
            #expect(problem?.contains(message) == true, "\(names): \(problem ?? "read")")
        }
        let keras = try opened(["model.weights.h5": [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]])
        #expect(keras?.contains("is a Keras model") == true)
        #expect(keras?.contains("m(m.inputs); m.export('model.onnx', format='onnx') keeps the graph") == true)
    }

    @Test func aModelThatIsReadCountsBeforeOthers() throws {
        let model = try FormatFixtures.bytes("model.safetensors")
        let onnx = try ContainerFixtures.bytes("onnx/uses.onnx")
        #expect(try opened(["saved_model.pb": [8, 1], "weights.safetensors": model]) == nil)
        #expect(try opened(["weights.onnx": onnx, "weights.safetensors": model]) == nil)
        #expect(try opened(["weights.onnx": onnx]) == nil)
    }

    @Test func picklesOfScikitLearnAreNamed() throws {
        let pickle = Array("\u{80}\u{03}csklearn.neural_network._multilayer_perceptron\nMLPClassifier\n)\u{81}}b.".unicodeScalars).map {
            UInt8($0.value)
        }
        let problem = problem { try openCheckpoint(pickle, path: "model.pkl") }
        #expect(problem?.contains("is a pickle of scikit-learn or joblib") == true, "\(problem ?? "read")")
    }
}
