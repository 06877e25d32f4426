import Checkpoints
import Foundation
import TestSupport
import Testing
import Text

@testable import Networks

/// Networks of convolutions by the names of their tensors, compared with the libraries that define them.
struct ConvolutionFamilyTests {
    @Test(arguments: EncoderFixture.convolutions)
    func outputsAreTheLibrarys(_ name: String) throws {
        let fixture = try EncoderFixture(name)
        #expect(try fixture.largestDifference("images", [(fixture.network.output, "images.output")], threads: 2) < 1e-4)
        #expect(fixture.network.unusedTensors.isEmpty)
    }

    @Test func imagesOfAnySizeAreRead() throws {
        let network = try EncoderFixture("timm-resnet").network
        for size in [(33, 47), (64, 64)] {
            #expect(try network.shapes(for: .values([1, 3, size.0, size.1]))[network.output.index] == [1, 3])
        }
        #expect(throws: Problem.self) { try network.shapes(for: .values([1, 1, 32, 32])) }
    }

    @Test func aModelWithoutAHeadAnswersWithStates() throws {
        guard case .states = try EncoderFixture("resnet-bare").network.anatomy.outputKind else {
            Issue.record("not states")
            return
        }
        guard case .classes = try EncoderFixture("timm-convnext").network.anatomy.outputKind else {
            Issue.record("not classes")
            return
        }
    }

    @Test func aLayerTypeThatContradictsTheTensorsIsRefused() throws {
        let text = try String(contentsOfFile: Fixtures.path("transformers/resnet/config.json"), encoding: .utf8)
        let changed = text.replacingOccurrences(of: "\"basic\"", with: "\"bottleneck\"")
        try #require(changed != text)
        #expect(
            problem { _ = try FamilyFixture.network("transformers/resnet", configuration: changed) }
                == "config.json: 'layer_type': contradicts the tensors, expected basic, found 'bottleneck'")
    }

    @Test(arguments: [
        ("resnet", "depths", "2, 1", "1, 1"), ("resnet", "hidden_sizes", "8, 12", "8, 16"), ("convnext", "depths", "2, 1", "2, 2"),
    ])
    func stagesThatContradictTheTensorsAreRefused(model: String, setting: String, stored: String, stated: String) throws {
        let text = try String(contentsOfFile: Fixtures.path("transformers/\(model)/config.json"), encoding: .utf8)
        let list = try Regex("\"\(setting)\": \\[[^\\]]*\\]")
        let changed = text.replacing(list, with: "\"\(setting)\": [\(stated)]")
        try #require(changed != text)
        #expect(
            problem { _ = try FamilyFixture.network("transformers/\(model)", configuration: changed) }
                == "config.json: '\(setting)': contradicts the tensors, expected \(stored), found \(stated)")
    }

    @Test func aResNetWithPoolsThatItsTensorsDoNotShowIsRefused() throws {
        #expect(
            problem { _ = try FamilyFixture.network("transformers/timm-resnet", configuration: #"{"architecture": "resnetblur18"}"#) }
                == "config.json: 'architecture': models of this kind cannot be run, expected a standard model, found 'resnetblur18'")
        #expect(try FamilyFixture.network("transformers/timm-resnet", configuration: #"{"architecture": "resnet18.a1_in1k"}"#) != nil)
    }
}
