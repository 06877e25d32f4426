import Archives
import Checkpoints
import Tensors
import Testing
import Text

@testable import Networks

@Suite struct InitializationTests {
    private func tensor(_ distribution: InitialDistribution, _ shape: [Int], seed: UInt64 = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return distribution.tensor(shape: shape, generator: &generator).elements
    }

    private func moments(_ values: [Float]) -> (mean: Double, deviation: Double, fourth: Double) {
        let count = Double(values.count)
        let mean = values.reduce(0) { $0 + Double($1) } / count
        let variance = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        let fourth = values.reduce(0) { sum, value in
            let square = (Double(value) - mean) * (Double(value) - mean)
            return sum + square * square
        }
        return (mean, variance.squareRoot(), fourth / count / (variance * variance))
    }

    private func parameters(_ blueprint: Blueprint) -> [String: Blueprint.Parameter] {
        Dictionary(uniqueKeysWithValues: blueprint.parameters.map { ($0.name, $0) })
    }

    /// Of 100,000 numbers the mean is within five of its standard errors, the kurtosis within 5% of the distribution's.
    @Test func linearWeightsAreUniformWithinTheInverseRootOfTheirInputs() {
        let values = tensor(.torchDefault(fanIn: 100), [1000, 100])
        #expect(values.allSatisfy { abs($0) <= 0.1 })
        #expect((values.max() ?? 0) > 0.0999 && (values.min() ?? 0) < -0.0999)
        let (mean, deviation, fourth) = moments(values)
        #expect(abs(mean) < 5 * deviation / 316)
        let uniform = 0.1 / 3.0.squareRoot()
        #expect(abs(deviation - uniform) < 0.001)
        #expect(abs(fourth - 1.8) < 0.05)
    }

    @Test func normalWeightsHaveTheirDeviation() {
        let (mean, deviation, fourth) = moments(tensor(.normal(deviation: 0.02), [100_000]))
        #expect(abs(mean) < 5 * 0.02 / 316)
        #expect(abs(deviation - 0.02) < 0.0003)
        #expect(abs(fourth - 3) < 0.1)
    }

    @Test func aPerceptronHasItsLayersInOrder() throws {
        let blueprint = try Blueprint.perceptron("784-64-10")
        #expect(blueprint.parameters.map(\.name) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"])
        let shapes: [[Int]] = [[64, 784], [64], [10, 64], [10]]
        #expect(blueprint.parameters.map(\.shape) == shapes)
        // The bias of a layer has the bound of its weights: 1 / sqrt(inputs).
        let (first, second) = (InitialDistribution.uniform(bound: 1.0 / 28), InitialDistribution.uniform(bound: 0.125))
        let expected: [InitialDistribution] = [first, first, second, second]
        #expect(blueprint.parameters.map(\.distribution) == expected)
        #expect(blueprint.architecture?.description == "fc1,relu,fc2")
    }

    @Test func aConvolutionalNetworksSizesFollowFromTheSample() throws {
        let text =
            "3x32x32:conv1(16,3,padding=1),bn1,relu,maxpool(2),conv2(32,3x5,stride=2,groups=2,bias=false),relu,flatten,fc1(64),relu,fc2(10)"
        let blueprint = try Blueprint.convolutional(text)
        let shapes = parameters(blueprint).mapValues(\.shape)
        #expect(shapes["conv1.weight"] == [16, 3, 3, 3])
        #expect(shapes["bn1.running_var"] == [16])
        #expect(shapes["bn1.num_batches_tracked"] == [])
        #expect(shapes["conv2.weight"] == [32, 8, 3, 5])
        #expect(shapes["conv2.bias"] == nil)
        // 16 x 16 after the pool; (16 - 3) / 2 + 1 = 7 rows, (16 - 5) / 2 + 1 = 6 columns.
        #expect(shapes["fc1.weight"] == [64, 1344])
        #expect(parameters(blueprint)["conv1.bias"]?.distribution == .torchDefault(fanIn: 27))
        #expect(parameters(blueprint)["conv2.weight"]?.distribution == .torchDefault(fanIn: 120))
        #expect(
            blueprint.architecture?.description
                == "input(3x32x32),conv1(padding=1),bn1,relu,maxpool(2),conv2(stride=2,groups=2),relu,flatten,fc1,relu,fc2"
        )
    }

    @Test(arguments: [
        ("3x32:conv1(16,3),relu", "cnn: 'conv1(16,3)': cannot read this shape, expected images with channels in 1 groups, found 3x32"),
        ("3x8x8:fc1(10)", "cnn: 'fc1(10)': cannot read this shape, expected a flatten before it, found 3x8x8"),
        ("3x8x8:conv1(16)", "cnn: 'conv1(16)': needs 'kernel'"), ("8:fc1(4),fc1(4)", "tensor 'fc1.weight': appears twice"),
        ("8:fc1(1048576),fc2(1048576)", "tensor 'fc2.weight': is too large, expected at most 1073741824 weights, found 1048576x1048576"),
        ("0x8:fc1(4)", "cnn: has no shape of a sample, expected such as cnn:3x32x32:conv1(16,3),relu,flatten,fc1(10), found '0x8:fc1(4)'"),
    ]) func whatDoesNotGoTogetherIsNamed(text: String, message: String) {
        #expect { try Blueprint.convolutional(text) } throws: { "\($0)" == message }
    }

    @Test(arguments: ["", "784", "784-", "784-0-10", "784--10", "a-b", "99999999999999999999-2"]) func sizesThatAreNoneAreRefused(
        text: String
    ) {
        #expect(throws: Problem.self) { try Blueprint.perceptron(text) }
    }

    @Test func modularAdditionHasTheShapesOfTheGrokkingRepository() throws {
        let shapes = parameters(try Blueprint.modularAddition(modulus: 113, .init()))
        // From a checkpoint that the repository's code wrote.
        #expect(shapes["embed.W_E"]?.shape == [128, 114])
        #expect(shapes["pos_embed.W_pos"]?.shape == [3, 128])
        #expect(shapes["blocks.0.attn.W_K"]?.shape == [4, 32, 128])
        #expect(shapes["blocks.0.attn.W_O"]?.shape == [128, 128])
        #expect(shapes["blocks.0.mlp.W_in"]?.shape == [512, 128])
        #expect(shapes["blocks.0.mlp.W_out"]?.shape == [128, 512])
        #expect(shapes["unembed.W_U"]?.shape == [128, 114])
        let (embedding, answers) = (1 / 128.0.squareRoot(), 1 / 114.0.squareRoot())
        #expect(shapes["embed.W_E"]?.distribution == .normal(deviation: embedding))
        #expect(shapes["unembed.W_U"]?.distribution == .normal(deviation: answers))
        #expect(shapes["blocks.0.mlp.b_in"]?.distribution == .constant(0))
        #expect(tensor(.lowerTriangle, [3, 3]) == [1, 0, 0, 1, 1, 0, 1, 1, 1])
        var odd = ModularAdditionSizes()
        odd.heads = 3
        #expect { try Blueprint.modularAddition(modulus: 113, odd) } throws: {
            "\($0)" == "the number of heads: does not divide the model's width, expected a divisor of 128, found 3"
        }
    }

    @Test func aLanguageModelsResidualProjectionsAreSmaller() throws {
        let settings = #"{"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 2, "vocab_size": 11, "n_positions": 5}"#
        let blueprint = try Blueprint.languageModel(ByteRegion(copying: settings.utf8))
        let shapes = parameters(blueprint)
        #expect(shapes["transformer.h.1.mlp.c_fc.weight"]?.shape == [8, 32])
        #expect(shapes["transformer.h.1.mlp.c_fc.weight"]?.distribution == .normal(deviation: 0.02))
        #expect(shapes["transformer.h.1.mlp.c_proj.weight"]?.distribution == .normal(deviation: 0.01))
        #expect(shapes["transformer.h.0.attn.c_proj.weight"]?.distribution == .normal(deviation: 0.01))
        #expect(shapes["transformer.h.0.ln_1.weight"]?.distribution == .constant(1))
        #expect(shapes["lm_head.weight"] == nil)
        #expect { try Blueprint.languageModel(ByteRegion(copying: #"{"model_type": "bert"}"#.utf8)) } throws: {
            "\($0)" == "config.json: 'model_type': cannot be initialised, expected gpt2, found 'bert'"
        }
    }
}
