import Archives
import Checkpoints
import Foundation
import TestSupport
import Testing
import Text

@testable import Networks

struct FamilyRegistryTests {
    @Test func everyFamilyThatRunsIsRecognisedByItsEntryAmongTheKnownFamilies() {
        for runnable in TransformerFamilies.standard.families {
            #expect(ModelFamilies.standard.families.contains(runnable.family), "\(runnable.family.name)")
            #expect(Set(runnable.modelTypes).isSubset(of: runnable.family.modelTypes), "\(runnable.family.name)")
        }
    }

    @Test func everyModelTypeThatRunsIsComparedWithTheLibrary() {
        let compared =
            FamilyFixture.models + EncoderFixture.text + EncoderFixture.vision + EncoderFixture.convolutions
            // By CircuitSparsityTests.
            + ["circuitgpt"]
        for type in TransformerFamilies.standard.modelTypes { #expect(compared.contains(type), "\(type)") }
    }

    @Test func namesAndModelTypesBelongToOneFamily() {
        let families = ModelFamilies.standard.families
        #expect(Set(families.map(\.name)).count == families.count)
        let types = families.flatMap(\.modelTypes)
        #expect(Set(types).count == types.count)
        #expect(families.allSatisfy { !$0.summary.isEmpty && !$0.hasBlocks || !$0.mlpInputs.isEmpty })
    }

    @Test func whatNoTensorShowsIsSaid() throws {
        func assumption(_ name: String) throws -> String? { try EncoderFixture(name).network.anatomy.assumption }
        #expect(
            try assumption("timm-resnet")
                == "no tensor shows activations, strides and pools: ReLU, a max pool after the first layer, strides of 2 between the stages and a mean at the end are assumed, as the standard models have them"
        )
        #expect(
            try assumption("timm-vit")
                == "no tensor shows the activation and what the head reads: GELU and the class token's state are assumed, as the standard models have them"
        )
        #expect(try assumption("timm-vit-mean")?.contains("GELU and the patches' mean are assumed") == true)
        #expect(try assumption("timm-convnext")?.contains("GELU and a mean at the end are assumed") == true)
        for name in ["resnet", "convnext", "vit", "bert", "dinov2"] { #expect(try assumption(name) == nil, "\(name)") }
    }

    @Test func aNameSaysWhichOfTheStandardModelsItIs() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/timm-resnet"))
        func assumption(_ settings: String) throws -> String? {
            try FamilyFixture.network(of: checkpoint.with(configuration: ByteRegion(copying: settings.utf8)))?.anatomy.assumption
        }
        #expect(try assumption(#"{"architecture": "resnet18", "num_classes": 5}"#) == nil)
        #expect(try assumption(#"{"architecture": "resnet18", "model_args": {"output_stride": 16}}"#) != nil)
        for name in ["resnetblur18", "resnetaa50", "resnet50_gelu", "resnet50_clip_gap"] {
            let found = problem { _ = try assumption(#"{"architecture": "\#(name)"}"#) }
            #expect(found?.contains("'architecture': models of this kind cannot be run") == true, "\(name): \(found ?? "runs")")
        }
    }

    @Test func aFamilyThatIsAddedIsRecognisedAndBuilt() throws {
        // GPT-2's names under a model_type of its own.
        let own = ModelFamily("own", summary: "a test's", mlpInputs: ["c_fc"])
        let families = TransformerFamilies.standard.adding(
            RunnableFamily(own, modelTypes: ["own"]) { source throws(Problem) in try GPT2.family.network(source) })
        let configuration = try String(contentsOfFile: Fixtures.path("gpt2-tiny/config.json"), encoding: .utf8)
        let changed = configuration.replacingOccurrences(of: "\"model_type\": \"gpt2\"", with: "\"model_type\": \"own\"")
        try #require(changed != configuration)
        try TemporaryFolder.with { folder in
            let names = try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("gpt2-tiny")).filter { $0.hasPrefix("model.") }
            for name in names {
                try FileManager.default.copyItem(atPath: Fixtures.path("gpt2-tiny/" + name), toPath: folder + "/" + name)
            }
            try changed.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
            let checkpoint = try Checkpoint.open(folder)
            let catalog = LayerCatalog(checkpoint, families: families.models)
            #expect(catalog.family == own)
            #expect(catalog.defaultLayers.allSatisfy { $0.name.hasSuffix("c_fc.weight") })
            let network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: catalog, families: families))
            let same = try #require(try FamilyFixture.network("gpt2-tiny"))
            #expect(network.nodes.map(\.site) == same.nodes.map(\.site))
            #expect(throws: Problem.self) { try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)) }
        }
    }
}
