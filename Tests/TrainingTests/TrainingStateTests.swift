import Checkpoints
import Foundation
import TestSupport
import Testing
import Text

@testable import Training

struct TrainingStateTests {
    private func write(_ state: TrainingState, to path: String) throws {
        var data = Data()
        try state.write { data.append(contentsOf: $0) }
        try data.write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: ["mnist-mlp adamw 20", "cifar-cnn adam 20", "gpt2-tiny adamw 5"])
    func a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(name: String) throws {
        try TemporaryFolder.with { folder in
            let run = try ReferenceRun(name)
            let whole = try run.trainer(threads: 2)
            let first = try run.trainer(threads: 1)
            for _ in 0..<6 { _ = try whole.makeStep() }
            for _ in 0..<3 { _ = try first.makeStep() }
            try write(first.state(options: ["--lr": "0.001"], notes: ["best": "0.5"]), to: folder + "/state")

            let second = try run.trainer(threads: 2)
            second.term = nil
            let state = try TrainingState(Checkpoint.open(folder + "/state"))
            #expect(state.step == 3 && state.options == ["--lr": "0.001"] && state.notes == ["best": "0.5"])
            try second.restore(state) { run.catalog[$0] }
            let reports = try (0..<3).map { _ in try second.makeStep() }
            #expect(second.bits == whole.bits)
            #expect(
                reports.last?.step == 6
                    && second.state(options: [:]).tensors.map { $0.tensor.elements }
                        == whole.state(options: [:]).tensors.map { $0.tensor.elements }
            )
        }
    }

    @Test func other_options_are_named() throws {
        let run = try ReferenceRun("grokking sgd 0")
        let state = try run.trainer(threads: 1).state(options: ["--lr": "0.001", "--seed": "1", "--clip": "2"])
        let found = state.differences(from: ["--lr": "0.002", "--seed": "1", "--batch": "7"])
        #expect(found.map(\.name) == ["--batch", "--clip", "--lr"])
        #expect(found.map(\.kept) == [nil, "2", "0.001"] && found.map(\.given) == ["7", nil, "0.002"])
    }

    @Test func a_state_of_another_run_is_refused() throws {
        try TemporaryFolder.with { folder in
            let adam = try ReferenceRun("grokking adam 5").trainer(threads: 1)
            let plain = try ReferenceRun("grokking sgd 5").trainer(threads: 1)
            let mlp = try ReferenceRun("mnist-mlp sgd 20").trainer(threads: 1)
            try write(plain.state(options: [:]), to: folder + "/plain")
            let state = try TrainingState(Checkpoint.open(folder + "/plain"))
            #expect(throws: Problem.self) { try adam.restore(state) { _ in nil } }
            #expect(throws: Problem.self) { try mlp.restore(state) { _ in nil } }
            #expect(throws: Problem.self) { try TrainingState(Checkpoint.open(Fixtures.path("mlp.safetensors"))) }
            // Without its layer's clusters nothing has changed either.
            let before = plain.bits
            #expect(throws: Problem.self) { try plain.restore(state) { _ in nil } }
            #expect(plain.bits == before)
        }
    }
}
