import Archives
import FoundationEssentials
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// Checkpoints that consist of many files: PyTorch's distributed ones and DeepSpeed's.
struct TrainingCheckpointTests {
    static let folders = [
        "dcp", "dcp-flat", "dcp-two", "dcp-four", "fsdp-1", "fsdp-2", "deepspeed-1-2", "deepspeed-2-3", "deepspeed-3-2", "deepspeed-3-3",
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
        #expect(
            problem?.contains("expected zero_pp_rank_1_mp_rank_00_optim_states.pt, found zero_pp_rank_0") == true, "\(problem ?? "read")")
    }

    /// Every file of the three stages missing in turn: the error names it.
    @Test(arguments: ["deepspeed-1-2", "deepspeed-2-3", "deepspeed-3-2", "deepspeed-3-3"])
    func everyMissingFileOfDeepSpeedIsNamed(_ name: String) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: ContainerFixtures.path(name) + "/global_step7")
        for file in files {
            let problem = try changed(name, "global_step7/" + file) { _ in nil }
            let expected = try #require(problem?.firstRange(of: ", expected ")).upperBound
            #expect(problem?[expected...].hasPrefix(file) == true, "without \(file): \(problem ?? "read")")
            #expect(try changed(name, "global_step7/" + file) { Array($0.prefix(300)) }?.contains(file) == true, "\(file) cut")
            #expect(try changed(name, "global_step7/" + file) { _ in [] }?.contains(file) == true, "\(file) empty")
        }
    }

    /// Stage 3 keeps no weights in the descriptions of the model, stages 1 and 2 keep the module as it runs.
    @Test(arguments: ["deepspeed-1-2", "deepspeed-3-2"]) func descriptionsAloneAreWhatTheyHold(_ name: String) throws {
        let copy = FileManager.default.temporaryDirectory.path + "/containers-alone-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: ContainerFixtures.path(name), toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let folder = copy + "/global_step7/"
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix("_optim_states.pt") {
            try FileManager.default.removeItem(atPath: folder + file)
        }
        if name == "deepspeed-1-2" {
            let (alone, whole) = (try Checkpoint.open(copy), try Checkpoint.open(ContainerFixtures.path(name)))
            #expect(alone.key == "module" && !alone.tensors.isEmpty)
            for tensor in alone.tensors { #expect(whole[tensor.name]?.shape == tensor.shape, "\(tensor.name)") }
        } else {
            for path in [copy, folder + "zero_pp_rank_0_mp_rank_00_model_states.pt"] {
                let problem = problem { try Checkpoint.open(path) }
                #expect(problem?.contains("expected zero_pp_rank_0_mp_rank_00_optim_states.pt") == true, "\(problem ?? "read")")
            }
        }
    }

    /// The bytes with the first `old` after `mark` replaced by `new`.
    private func replacing(_ old: [UInt8], with new: [UInt8], behind mark: String, in bytes: [UInt8]) -> [UInt8] {
        guard let start = bytes.firstRange(of: Array(mark.utf8))?.upperBound, let place = bytes[start...].firstRange(of: old) else {
            Issue.record("no \(old) behind \(mark)")
            return bytes
        }
        return bytes[..<place.lowerBound] + new + bytes[place.upperBound...]
    }

    @Test func theProcessesAreNumberedFromZero() throws {
        let copy = FileManager.default.temporaryDirectory.path + "/containers-ranks-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: ContainerFixtures.path("deepspeed-3-2"), toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        let folder = copy + "/global_step7/"
        try FileManager.default.moveItem(
            atPath: folder + "zero_pp_rank_1_mp_rank_00_optim_states.pt", toPath: folder + "zero_pp_rank_7_mp_rank_00_optim_states.pt")
        let problem = problem { try Checkpoint.open(copy) }
        #expect(
            problem?.contains("of process 1 of 8 with optimiser states is missing, expected zero_pp_rank_1_mp_rank_00_optim_states.pt")
                == true,
            "\(problem ?? "read")")
    }

    @Test(arguments: [("deepspeed-2-3", "bf16_", 2, 3, "stage 1 or 2"), ("deepspeed-3-2", "", 3, 1, "stage 3")])
    func theStageAgreesWithTheWeights(_ name: String, _ prefix: String, _ stage: UInt8, _ other: UInt8, _ expected: String) throws {
        let problem = try changed(name, "global_step7/\(prefix)zero_pp_rank_1_mp_rank_00_optim_states.pt") { bytes in
            replacing([0x4B, stage], with: [0x4B, other], behind: "zero_stage", in: bytes)
        }
        #expect(problem?.contains("expected \(expected), found stage \(other)") == true, "\(problem ?? "read")")
    }

    /// The last process's part of ten elements claims to have nine; without padding it has seven.
    @Test(arguments: [UInt8(9), 7]) func partsAreOfOneLengthButForTheFilling(_ length: UInt8) throws {
        let problem = try changed("deepspeed-2-3", "global_step7/bf16_zero_pp_rank_2_mp_rank_00_optim_states.pt") { bytes in
            replacing([0x4B, 10, 0x85], with: [0x4B, length, 0x85], behind: "single_partition_of_fp32_groups", in: bytes)
        }
        if length == 7 {
            #expect(problem == nil)
        } else {
            #expect(problem?.contains("parts of different lengths, expected 10 elements, found 9") == true, "\(problem ?? "read")")
        }
    }

    @Test func shapesAgreeWithTheModule() throws {
        let problem = try changed("deepspeed-1-2", "global_step7/mp_rank_00_model_states.pt") { bytes in
            replacing([0x4B, 3, 0x4B, 5, 0x86], with: [0x4B, 5, 0x4B, 3, 0x86], behind: "param_shapes", in: bytes)
        }
        #expect(problem?.contains("tensor 'fc1.weight'") == true && problem?.contains("expected [3, 5], found [5, 3]") == true)
    }

    @Test(arguments: [
        ("deepspeed-1-2", "mp_rank_00_model_states.pt", "another shape than its description, expected [2, 3], found [5, 3]"),
        ("deepspeed-3-2", "zero_pp_rank_0_mp_rank_00_model_states.pt", "a part of another length, expected 3 elements, found 8"),
    ]) func frozenPartsHaveTheLengthsOfTheirShapes(_ name: String, _ file: String, _ expected: String) throws {
        let problem = try changed(name, "global_step7/" + file) { bytes in
            replacing([0x4B, 5, 0x4B, 3, 0x86], with: [0x4B, 2, 0x4B, 3, 0x86], behind: "frozen_param_shapes", in: bytes)
        }
        #expect(problem?.contains("tensor 'embed.weight'") == true && problem?.contains(expected) == true, "\(problem ?? "read")")
    }

    @Test func theLatestStepIsThere() throws {
        let problem = try changed("deepspeed-1-2", "latest") { _ in Array("global_step9\n".utf8) }
        #expect(problem?.contains("expected the checkpoint in 'global_step9', found global_step7") == true, "\(problem ?? "read")")
        // A requested step is read, whichever is the latest.
        let copy = FileManager.default.temporaryDirectory.path + "/containers-latest-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: ContainerFixtures.path("deepspeed-1-2"), toPath: copy)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try Data("global_step9".utf8).write(to: URL(fileURLWithPath: copy + "/latest"))
        #expect(try Checkpoint.open(copy, options: .init(member: "global_step7")).tensors.count == 8)
    }

    /// `TensorStorageMetadata` of one weight with a size that no number holds, and a file without bytes.
    @Test func oneBadTensorOfADistributedCheckpointSinksNoOther() throws {
        let whole = try Checkpoint.open(ContainerFixtures.path("dcp-two"))
        let bytes = try ContainerFixtures.bytes("dcp-two/.metadata")
        let first = try ContainerFixtures.bytes("dcp-two/__0_0.distcp")
        let index = ContainerFile(name: ".metadata", size: bytes.count, head: [])
        let files = [
            index, ContainerFile(name: "__0_0.distcp", size: first.count, head: []), ContainerFile(name: "__1_0.distcp", size: 0, head: []),
        ]
        let container = MemoryContainer(files: files, bytes: [".metadata": bytes, "__0_0.distcp": first], refusesOthers: true)
        let (weights, _) = try DistributedCheckpoint.read(container, index: index, guardedRegion(bytes))
        let model = try #require(weights.models.first)
        #expect(model.unreadable.map(\.name).sorted() == whole.tensors.map(\.name).sorted())
        #expect(model.unreadable.allSatisfy { "\($0.problem)".contains("found a file of 0 bytes") })
        // The description knows their types.
        for tensor in model.unreadable { #expect(tensor.dtype == whole[tensor.name]?.dtype.rawValue, "\(tensor.name)") }

        // The shape of the first weight, (5, 7), as it is in the pickle; a string is not a number.
        let damaged = replacing([0x4B, 5, 0x4B, 7, 0x86], with: [0x4E, 0x4B, 7, 0x86], behind: "TensorStorageMetadata", in: bytes)
        let metadata = try DistributedMetadata(guardedRegion(unframed(damaged)), path: "m")
        #expect(metadata.tensors.filter { $0.problem != nil }.map(\.name) == ["model.rows.weight"])
        #expect(metadata.tensors.count == whole.tensors.count + 1)
    }

    /// A pickle of protocol 4 without its frame, whose length would be wrong.
    private func unframed(_ bytes: [UInt8]) -> [UInt8] { bytes[2] == 0x95 ? Array(bytes[..<2] + bytes[11...]) : bytes }

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
        ContainerFixtures.flippingBits(of: bytes, rounds: 300, seed: 8) { damaged in
            let container = MemoryContainer(files: files, bytes: [".metadata": damaged, "__0_0.distcp": part])
            guard let (weights, _) = try? DistributedCheckpoint.read(container, index: files[0], guardedRegion(damaged)) else { return }
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
    /// Whether asking for a file that has no bytes here is an error, as it is of an empty one on disk.
    var refusesOthers = false

    func contents(of names: Set<String>) throws -> [String: ByteRegion] {
        if refusesOthers, let other = names.first(where: { bytes[$0] == nil }) { throw Problem(path: other, problem: "the file is empty") }
        return bytes.filter { names.contains($0.key) }.mapValues { ByteRegion(copying: $0) }
    }

    func sources(of weights: [ByteRegion]) -> [ByteRegion] { weights }

    func displayPath(_ name: String) -> String { path + "/" + name }
}
