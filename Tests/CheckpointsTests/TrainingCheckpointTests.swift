import Archives
import FoundationEssentials
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Checkpoints that training spreads over files: PyTorch's distributed ones and DeepSpeed's.
struct TrainingCheckpointTests {
    static let folders = [
        "dcp", "dcp-flat", "dcp-two", "dcp-four", "deepspeed-1-2", "deepspeed-2-3", "deepspeed-3-2", "deepspeed-3-3",
    ]

    @Test(arguments: folders) func holdsWhatItsLibraryReads(_ name: String) throws {
        try ContainerFixtures.check(name)
    }

    @Test func theStateOfTheOptimiserIsPassedOver() throws {
        let checkpoint = try Checkpoint.open(ContainerFixtures.path("dcp"))
        #expect(checkpoint.key == "model")
        #expect(checkpoint.tensors.map(\.name) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"])
        #expect(checkpoint.foreignGlobals.isEmpty)
    }

    @Test func theTrainingsStepIsFound() throws {
        let deepSpeed = try Checkpoint.open(ContainerFixtures.path("deepspeed-1-2")).training
        #expect(deepSpeed?.step == 7 && deepSpeed?.epoch == nil)
        #expect(try Checkpoint.open(ContainerFixtures.path("plain.pt")).training == nil)
        // As the Trainer of transformers writes it.
        let folder = FileManager.default.temporaryDirectory.path + "/trainer-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.copyItem(
            atPath: TorchFixtures.root + "/fixtures/mlp.safetensors", toPath: folder + "/model.safetensors")
        func step(_ state: String) throws -> TrainingProgress? {
            try Data(state.utf8).write(to: URL(fileURLWithPath: folder + "/trainer_state.json"))
            return try Checkpoint.open(folder).training
        }
        let state = try step(#"{"best_metric": null, "epoch": 2.5, "global_step": 1250, "log_history": [{"epoch": 1.0, "step": 10}]}"#)
        #expect(state?.step == 1250 && state?.epoch == 2.5)
        #expect(try Checkpoint.open(folder).companions["trainer_state.json"] == nil)
        for damaged in ["", "[1]", #"{"global_step": -1}"#, #"{"global_step": "many", "epoch": null}"#] {
            #expect(try step(damaged) == nil)
        }
    }

    @Test func aDescriptionStandsForItsFolder() throws {
        let checkpoint = try Checkpoint.open(ContainerFixtures.path("dcp-flat/.metadata"))
        #expect(checkpoint.tensors.count == 4)
        let problem = problem { try Checkpoint.open(ContainerFixtures.path("dcp-flat/__0_0.distcp")) }
        #expect(problem?.contains("is one file of a distributed checkpoint") == true)
    }

    /// A copy of a fixture's folder with one file changed, or left out where `change` gives nil.
    private func changed(_ name: String, _ file: String, _ change: ([UInt8]) -> [UInt8]?) throws -> String? {
        let copy = FileManager.default.temporaryDirectory.path + "/containers-\(name)-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: ContainerFixtures.path(name), toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let place = copy + "/" + file
        guard let bytes = change(Array(try Data(contentsOf: URL(fileURLWithPath: place)))) else {
            try FileManager.default.removeItem(atPath: place)
            return problem { try Checkpoint.open(copy) }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: place))
        return problem { try Checkpoint.open(copy) }
    }

    @Test func aMissingProcessIsNamed() throws {
        let problem = try changed("deepspeed-3-2", "global_step7/zero_pp_rank_1_mp_rank_00_optim_states.pt") { _ in nil }
        #expect(problem?.contains("expected 2 files of optimiser states, found 1") == true, "\(problem ?? "read")")
    }

    @Test func tensorParallelSlicesAreRefused() throws {
        let copy = FileManager.default.temporaryDirectory.path + "/containers-slices-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: ContainerFixtures.path("deepspeed-1-2"), toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let folder = copy + "/global_step7/"
        try FileManager.default.copyItem(atPath: folder + "mp_rank_00_model_states.pt", toPath: folder + "mp_rank_01_model_states.pt")
        #expect(problem { try Checkpoint.open(copy) }?.contains("tensor-parallel") == true)
    }

    @Test func aCutDescriptionIsAnError() throws {
        let bytes = try ContainerFixtures.bytes("dcp-two/.metadata")
        for count in 0..<bytes.count {
            let problem = problem {
                let weights = try DistributedMetadata(guardedRegion(Array(bytes[..<count])), path: "cut")
                throw Problem("\(weights.tensors.count) were read")
            }
            #expect(problem?.contains("were read") == false, "cut to \(count)")
        }
    }

    @Test(arguments: ["dcp-two", "dcp-four"]) func damagedDescriptionsAreErrorsOrRead(_ name: String) throws {
        let bytes = try ContainerFixtures.bytes(name + "/.metadata")
        let part = try ContainerFixtures.bytes(name + "/__0_0.distcp")
        let files = [
            ContainerFile(name: ".metadata", size: bytes.count, head: []), ContainerFile(name: "__0_0.distcp", size: part.count, head: []),
        ]
        var generator = SplitMix(state: 8)
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
            let container = MemoryContainer(files: files, bytes: [".metadata": damaged, "__0_0.distcp": part])
            guard let (weights, _) = try? DistributedCheckpoint.read(container, index: files[0], guardedRegion(damaged)) else { continue }
            for tensor in weights.models.flatMap(\.tensors) { _ = tensor.doubles() }
        }
    }

    @Test func partsMustFillTheTensorOnce() throws {
        func record(_ shape: [Int], _ values: [Float]) throws -> TensorRecord {
            try TensorRecord(name: "part", dtype: .f32, shape: shape, bytes: values.withUnsafeBytes { ByteRegion(copying: $0) })
        }
        let left = try record([2, 1], [1, 3])
        let right = try record([2, 2], [20, 21, 40, 41])
        func assembled(_ blocks: [(TensorRecord, [Int])], _ shape: [Int] = [2, 3]) -> String {
            do throws(Problem) {
                let tensor = try TensorRecord.assembled(
                    name: "t", shape: shape, blocks: blocks.map { .init(record: $0.0, offsets: $0.1) }, summary: "parts")
                return "\(tensor.floats())"
            } catch {
                return "\(error)"
            }
        }
        #expect(assembled([(right, [0, 1]), (left, [0, 0])]) == "[1.0, 20.0, 21.0, 3.0, 40.0, 41.0]")
        #expect(assembled([(left, [0, 0]), (left, [0, 0]), (right, [0, 1])]) == "[1.0, 20.0, 21.0, 3.0, 40.0, 41.0]")
        #expect(assembled([(left, [0, 1]), (right, [0, 1])]).contains("overlap"))
        #expect(assembled([(right, [0, 1])]).contains("do not fill it, expected 6 elements, found 4"))
        #expect(assembled([(right, [0, 2]), (left, [0, 0])]).contains("extends past its bounds"))
        #expect(assembled([(right, [0, .max]), (left, [0, 0])]).contains("extends past its bounds"))
        #expect(assembled([(right, [0, -1])]).contains("extends past its bounds"))
        #expect(assembled([], [.max, 2]).contains("overflow"))
    }
}

/// A container of a few files in memory.
struct MemoryContainer: Container {
    let path = "memory"
    let label = "memory"
    let files: [ContainerFile]
    let bytes: [String: [UInt8]]

    func contents(of names: Set<String>) throws -> [String: ByteRegion] {
        bytes.filter { names.contains($0.key) }.mapValues { ByteRegion(copying: $0) }
    }

    func sources(of weights: [ByteRegion]) -> [ByteRegion] { weights }

    func displayPath(_ name: String) -> String { path + "/" + name }
}
