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
}
