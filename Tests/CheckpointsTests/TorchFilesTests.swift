import Archives
import FoundationEssentials
import TestSupport
import Testing

@testable import Checkpoints

/// The files of fixtures/torch and what PyTorch and numpy read from them.
struct TorchFixtures: Decodable {
    struct Tensor: Decodable {
        let name: String
        let dtype: String
        let shape: [Int]
        let values: [Double]
    }
    struct Model: Decodable {
        let key: String
        let tensors: [Tensor]
    }
    struct File: Decodable {
        let format: String
        let models: [Model]
    }
    let files: [String: File]
    let refused: [String: String]

    /// The folder of the fixtures in the package.
    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    static func load() throws -> TorchFixtures {
        let region = try ByteRegion.mapping(path: root + "/fixtures/torch/expected.json")
        return try JSONDecoder().decode(TorchFixtures.self, from: Data(region.bytes(0..<region.count) ?? []))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        let region = try ByteRegion.mapping(path: root + "/fixtures/torch/" + name)
        return region.bytes(0..<region.count) ?? []
    }
}

/// Reads a zip or a pickle with the reader of its kind.
func readTorch(_ region: ByteRegion, path: String = "file") throws -> WeightFile {
    if let directory = try ZipDirectory(region) { return try TorchZip.read(directory, region: region, path: path) }
    return try TorchLegacy.read(region, path: path)
}

/// The error that reading and converting everything throws, as text; nil if it succeeds.
func torchProblem(_ bytes: [UInt8]) -> String? {
    do {
        for model in try readTorch(guardedRegion(bytes)).models {
            for tensor in model.tensors { _ = tensor.doubles() }
            if let tensor = model.unreadable.first { throw tensor.problem }
        }
        return nil
    } catch {
        return "\(error)"
    }
}

struct TorchFilesTests {
    @Test func filesHoldWhatPyTorchReads() throws {
        let fixtures = try TorchFixtures.load()
        #expect(fixtures.files.count > 25)
        for (name, expected) in fixtures.files.sorted(by: { $0.key < $1.key }) {
            let file = try readTorch(guardedRegion(TorchFixtures.bytes(name)), path: name)
            #expect(file.format == expected.format, "\(name)")
            #expect(file.keepsOrder)
            #expect(file.models.map(\.key) == expected.models.map(\.key), "\(name)")
            for (model, expectedModel) in zip(file.models, expected.models) {
                #expect(model.tensors.map(\.name) == expectedModel.tensors.map(\.name), "\(name)")
                for (tensor, expectedTensor) in zip(model.tensors, expectedModel.tensors) {
                    #expect(tensor.dtype.rawValue == expectedTensor.dtype, "\(name): \(tensor.name)")
                    #expect(tensor.shape == expectedTensor.shape, "\(name): \(tensor.name)")
                    #expect(tensor.doubles() == expectedTensor.values, "\(name): \(tensor.name)")
                    #expect(tensor.floats() == expectedTensor.values.map { Float($0) }, "\(name): \(tensor.name)")
                }
            }
        }
    }

    @Test func filesThatAreNotReadSayWhy() throws {
        let fixtures = try TorchFixtures.load()
        #expect(fixtures.refused.count >= 8)
        for (name, message) in fixtures.refused {
            let problem = torchProblem(try TorchFixtures.bytes(name))
            #expect(problem?.contains(message) == true, "\(name): \(problem ?? "was read")")
            #expect(problem?.contains("\n") == false)
        }
    }

    @Test func filesAreKnownByTheirContent() throws {
        for name in try TorchFixtures.load().files.keys {
            let region = ByteRegion(copying: try TorchFixtures.bytes(name))
            if let directory = try ZipDirectory(region) {
                #expect(TorchZip.isTorchZip(directory), "\(name)")
            } else {
                #expect(TorchLegacy.isPickle(region), "\(name)")
            }
        }
        #expect(!TorchLegacy.isPickle(ByteRegion(copying: Array("GGUF....".utf8))))
        #expect(!TorchLegacy.isPickle(ByteRegion(copying: [])))
    }

    @Test func globalsBeyondTensorsAreListed() throws {
        func globals(_ name: String) throws -> [String] {
            try readTorch(ByteRegion(copying: TorchFixtures.bytes(name))).foreignGlobals
        }
        #expect(try globals("training.pt") == ["argparse.Namespace"])
        #expect(try globals("views.pt") == [])
        #expect(try globals("types.pt") == [])
        #expect(try globals("arrays0.pkl") == [])
        #expect(try globals("arrays5.pkl") == [])
        #expect(try globals("tensors.pkl") == ["torch.storage._load_from_bytes"])
        #expect(
            try globals("module.pt") == [
                "__main__.Net", "torch.nn.modules.activation.ReLU", "torch.nn.modules.batchnorm.BatchNorm1d",
                "torch.nn.modules.container.Sequential", "torch.nn.modules.linear.Linear",
            ])
    }

    @Test func tiedTensorsShareTheirBytes() throws {
        let tensors = try readTorch(ByteRegion(copying: TorchFixtures.bytes("views.pt"))).models[0].tensors
        func address(_ name: String) -> Int? {
            tensors.first { $0.name == name }?.bytes.withUnsafeBytes { $0.baseAddress.map { Int(bitPattern: $0) } }
        }
        #expect(address("fc1.weight") != nil)
        #expect(address("fc1.weight") == address("tied.weight"))
        #expect(address("fc1.weight") == address("transposed"))
    }

    @Test func everyTruncationIsAnError() throws {
        for name in ["views.pt", "views_legacy.pth", "arrays5.pkl", "arrays0.pkl", "module_legacy.pth", "tensors.pkl"] {
            let bytes = try TorchFixtures.bytes(name)
            for count in 0..<bytes.count where torchProblem(Array(bytes[..<count])) == nil {
                Issue.record("\(name) cut to \(count) of \(bytes.count) bytes was read")
            }
        }
    }

    @Test func flippedBitsThrowOrAreReadable() throws {
        var generator = SplitMix(state: 1)
        let names = [
            "views.pt", "views_legacy.pth", "views_protocol4.pt", "arrays0.pkl", "arrays5.pkl", "training_legacy.pth", "tensors.pkl",
            "script.pt",
        ]
        var failures = 0
        for name in names {
            let bytes = try TorchFixtures.bytes(name)
            for _ in 0..<400 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                }
                if torchProblem(damaged) != nil { failures += 1 }
            }
        }
        // Flips in numbers change values only; most others are noticed.
        #expect(failures > 500)
    }

    @Test func oldTarFilesAreRefusedByName() {
        let error = TorchLegacy.tarRefusal(memberNames: ["sys_info", "pickle", "tensors", "storages"], path: "old.pth")
        #expect(error?.description.hasPrefix("old.pth: PyTorch's tar format from before 0.1.10 is not supported") == true)
        #expect(TorchLegacy.tarRefusal(memberNames: ["model.safetensors"], path: "m.tar") == nil)
    }
}

/// Checkpoints that others trained and published, if they are beside the package.
struct TorchPublishedFilesTests {
    private static let folder: String = {
        let parts = TorchFixtures.root.split(separator: "/").dropLast()
        let candidates = (0..<3).map { "/" + parts.dropLast($0).joined(separator: "/") + "/shared/checkpoints" }
        return candidates.first { (try? ByteRegion.mapping(path: $0 + "/mod_addition_no_wd.pth")) != nil } ?? candidates[0]
    }()

    private static let isThere = (try? ByteRegion.mapping(path: folder + "/mod_addition_no_wd.pth")) != nil

    /// Each file's matrix, its shape, and the sum of its elements and of their squares by PyTorch in double precision.
    @Test(.enabled(if: isThere, "../shared/checkpoints is absent"), arguments: PublishedMatrix.all)
    func modelsLieUnderTheirKey(_ matrix: PublishedMatrix) throws {
        let file = try readTorch(ByteRegion.mapping(path: Self.folder + "/" + matrix.file))
        #expect(file.models.map(\.key) == ["model"])
        #expect(file.models[0].tensors.count == matrix.tensorCount)
        let tensor = try #require(file.models[0].tensors.first { $0.name == matrix.name })
        #expect(tensor.shape == matrix.shape)
        let values = tensor.doubles()
        #expect(abs(values.reduce(0, +) - matrix.sum) < 1e-9 * values.map(abs).reduce(0, +))
        #expect(abs(values.reduce(0) { $0 + $1 * $1 } - matrix.squares) < 1e-12 * matrix.squares)
    }

    struct PublishedMatrix: Sendable {
        let file: String
        let tensorCount: Int
        let name: String
        let shape: [Int]
        let sum: Double
        let squares: Double

        static let all = [
            PublishedMatrix(
                file: "mod_addition_no_wd.pth", tensorCount: 12, name: "blocks.0.mlp.W_in", shape: [512, 128],
                sum: -4.700318025167832, squares: 1039.1824579092404),
            PublishedMatrix(
                file: "5_digit_addition_infinite.pth", tensorCount: 12, name: "blocks.0.mlp.W_out", shape: [128, 512],
                sum: -30.230423792622908, squares: 232.3967114914709),
            PublishedMatrix(
                file: "induction_head_infinite.pth", tensorCount: 13, name: "attn_blocks.1.attn.W_K", shape: [4, 12, 48],
                sum: -0.5804960246641713, squares: 46.17537246593959),
        ]
    }
}
