import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Encoders of text and images, compared with the libraries that define them.
struct EncoderTests {
    @Test(arguments: EncoderFixture.text)
    func outputsOfTextAreTheLibrarys(_ name: String) throws {
        let fixture = try EncoderFixture(name)
        let output = fixture.network.output
        #expect(try fixture.largestDifference("batch", [(output, "batch.output")], threads: 2) < 1e-4)
        #expect(try fixture.largestDifference("single", [(output, "single.output")]) < 1e-4)
    }

    @Test(arguments: EncoderFixture.text)
    func blocksReadAndAttendAsInTheLibrary(_ name: String) throws {
        let fixture = try EncoderFixture(name)
        for number in 0..<2 {
            let block = fixture.network.anatomy.blocks[number]
            let attention = try #require(block.attention)
            #expect(
                try fixture.largestDifference(
                    "single", [(block.before, "single.resid.\(number)"), (attention.pattern, "single.pattern.\(number)")]) < 1e-4)
            #expect(fixture.network[("blocks.\(number).hook_resid_pre")] == block.before)
        }
    }

    @Test(arguments: ["bert", "roberta", "distilbert", "electra"])
    func bareEncodersAlsoGiveEmbeddingsOfWholeTexts(_ name: String) throws {
        let fixture = try EncoderFixture(name)
        var sites = [(try #require(fixture.network["sentence_embed"]), "batch.embedding")]
        if fixture.expected["batch.pooled"] != nil { sites.append((try #require(fixture.network["pooler"]), "batch.pooled")) }
        #expect(try fixture.largestDifference("batch", sites) < 1e-4)
        #expect(sites.count == (["bert", "roberta"].contains(name) ? 2 : 1))
    }

    @Test(arguments: EncoderFixture.vision)
    func outputsOfImagesAreTheLibrarys(_ name: String) throws {
        let fixture = try EncoderFixture(name)
        #expect(try fixture.largestDifference("images", [(fixture.network.output, "images.output")], threads: 2) < 1e-4)
        for number in 0..<2 where fixture.expected["images.pattern.\(number)"] != nil {
            let block = fixture.network.anatomy.blocks[number]
            let attention = try #require(block.attention)
            #expect(
                try fixture.largestDifference(
                    "images", [(block.before, "images.resid.\(number)"), (attention.pattern, "images.pattern.\(number)")]) < 1e-4)
        }
    }

    @Test(arguments: EncoderFixture.text + EncoderFixture.vision)
    func everyTensorIsReadOrKnownToBeOfNoUse(_ name: String) throws {
        let unused = try EncoderFixture(name).network.unusedTensors
        #expect(unused.filter { !$0.contains("seq_relationship") && !$0.contains("pooler") }.isEmpty)
    }

    @Test func outputsSayWhatTheyAre() throws {
        func kind(_ name: String) throws -> OutputKind { try EncoderFixture(name).network.anatomy.outputKind }
        for name in ["bert", "electra-discriminator", "vit-bare"] { #expect(try kind(name) == .states) }
        for name in ["bert-masked", "camembert"] { #expect(try kind(name) == .maskedTokens) }
        for name in ["bert-classes", "vit", "torchvision-vit"] { #expect(try kind(name) == .classes) }
    }

    /// The message of a model whose configuration is changed.
    private func refusal(_ name: String, _ old: String, _ new: String) throws -> String? {
        let text = try String(contentsOfFile: Fixtures.path("transformers/\(name)/config.json"), encoding: .utf8)
        let changed = text.replacingOccurrences(of: old, with: new)
        try #require(changed != text, "\(old)")
        return problem { _ = try FamilyFixture.network("transformers/\(name)", configuration: changed) }
    }

    @Test func settingsThatChangeTheFunctionAreRefused() throws {
        #expect(
            try refusal("bert", "\"is_decoder\": false", "\"is_decoder\": true")
                == "config.json: 'is_decoder': a decoder of BERT's kind cannot be run, expected false, found true")
        #expect(
            try refusal("bert", "\"is_decoder\": false", "\"position_embedding_type\": \"relative_key\"")
                == "config.json: 'position_embedding_type': is not supported, expected 'absolute', found 'relative_key'")
        #expect(try refusal("bert", "\"is_decoder\": false", "\"pruned_heads\": {\"0\": 1}")?.contains("'pruned_heads'") ?? false)
        #expect(try refusal("dinov2", "\"use_swiglu_ffn\": false", "\"use_swiglu_ffn\": true")?.contains("'use_swiglu_ffn'") ?? false)
    }

    @Test func aConfigurationThatContradictsTheTensorsIsRefused() throws {
        #expect(
            try refusal("vit", "\"image_size\": 14", "\"image_size\": 20")
                == "tensor 'vit.embeddings.position_embeddings': the positions do not fit the images, expected 26 for images of 20x20 and patches of 4x4, found 10"
        )
        #expect(
            try refusal("vit", "\"num_channels\": 1", "\"num_channels\": 3")
                == "config.json: 'num_channels': contradicts the tensors, expected 1, as 'embeddings.patch_embeddings.projection.weight' has, found 3"
        )
        #expect(
            try refusal("bert", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")
                == "config.json: the configuration has more blocks than the checkpoint, expected at most 2, found 3")
        #expect(
            try refusal("bert-classes", "\"is_decoder\": false", "\"num_labels\": 4")
                == "config.json: 'num_labels': contradicts the tensors, expected 3, as 'classifier.weight' has rows, found 4")
    }

    @Test func aHeadThatTheCheckpointLacksIsAnError() throws {
        #expect(
            try refusal("bert", "BertModel", "BertForSequenceClassification")
                == "tensor 'classifier.weight': is missing, expected anyx16")
        #expect(
            try refusal("bert", "BertModel", "BertForTokenClassification")
                == "config.json: 'architectures': a model with this head cannot be run, expected a name that ends in Model, ForMaskedLM, ForPreTraining, ForSequenceClassification, found 'BertForTokenClassification'"
        )
    }

    @Test func imagesOfAnotherSizeAreRefused() throws {
        let network = try EncoderFixture("vit").network
        #expect(
            problem { _ = try network.shapes(for: .values([1, 1, 16, 16])) }
                == "the samples do not fit the model, expected samples of 1x14x14, found samples of 1x16x16")
    }

    @Test func namesAloneNeedAStandardWidth() throws {
        #expect(
            try refusal("timm-vit", "num_heads", "other")
                == "config.json: 'num_heads': the number of heads cannot be seen from the tensors, expected the setting, or a standard width (192, 384, 512, 640, 768, 896, 1024, 1152, 1280, 1408, 1536, 1664), found a width of 16"
        )
    }
}
