import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// The types of arithmetic are those of `torch.result_type`.
struct TorchTypeTests {
    /// An operand as the fixture names it: the number of its dimensions, or n for a number in code, and torch.export's number of its type.
    private func operand(_ name: String) throws -> TorchType.Operand {
        let ranks: [Character: TorchType.Operand.Rank] = ["1": .dimensioned, "0": .single, "n": .number]
        return .init(
            type: try #require(Int(name.dropFirst()).flatMap(TorchType.init)), rank: try #require(name.first.flatMap { ranks[$0] }))
    }

    @Test func twoOperandsHaveTheTypeThatPyTorchGivesThem() throws {
        let file = URL(fileURLWithPath: Fixtures.path("graphs/result-types.json"))
        let expected = try JSONDecoder().decode([String: [String: Int]].self, from: Data(contentsOf: file))
        #expect(expected.count == 23)
        for (first, others) in expected {
            for (second, result) in others {
                let found = TorchType.result(of: [try operand(first), try operand(second)])
                #expect(found.rawValue == result, "\(first) and \(second)")
            }
        }
    }
}
