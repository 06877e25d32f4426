import Checkpoints
import Text

/// The text part of Llama 4: three blocks that see chunks of the text, with rotary positions by neighbours and norms of queries and keys
/// without weights, are followed by one without positions that sees everything, whose queries grow with their position. Experts read inputs
/// that the router's gates multiply, beside an MLP for every position; some blocks may have a plain MLP of a width of its own.
///
/// Source: transformers' `models/llama4`.
enum Llama4 {
    static let family = RunnableFamily(
        .llama4, modelTypes: ["llama4_text", "llama4"], mlpWidth: MLPWidthSetting("intermediate_size", plain: "intermediate_size_mlp")
    ) { source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let isBiased = try settings.flag("attention_bias") ?? false
        let blocks = try settings.requiredSize("num_hidden_layers")
        let turned = try turnedBlocks(settings, blocks: blocks)
        var description = try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 8, standardHeadDimension: 128, standardEpsilon: 1e-5,
                rotary: RotaryNames(standardBase: 500_000, turned: .whole, pairing: .neighbours), rotaryBlocks: .listed(turned)))
        let length = settings.states("attention_chunk_size") ? try settings.size("attention_chunk_size") : 8192
        let listed = try chunkedBlocks(settings, blocks: blocks)
        if listed?.contains(true) == true, length == nil {
            throw settings.problem("blocks see chunks whose length is not given", "attention_chunk_size", expected: "a whole number")
        }
        if let length { description.attention.chunks = (length, .listed(listed ?? turned)) }
        if try settings.flag("attn_temperature_tuning") ?? true {
            let slope = Float(try settings.number("attn_scale") ?? 0.1)
            let step = Float(try settings.positiveNumber(["floor_scale"]) ?? 8192)
            description.attention.growth = (slope, step, .listed(turned.map { !$0 }))
        }
        if try settings.flag("use_qk_norm") ?? true {
            description.attention.headNorms = HeadNormsDescription(
                kind: .rootMeanSquare(offset: 0), epsilon: Float(try settings.number("rms_norm_eps") ?? 1e-5), followsPositions: true,
                blocks: .listed(turned))
        }
        func linear(_ name: String) -> LinearTensors { LinearTensors(module: "feed_forward." + name, hasBias: false) }
        let width = description.mlp?.width ?? 1
        description.mlp?.width = try settings.size("intermediate_size_mlp") ?? 16384
        description.mlp?.gate = linear("gate_proj")
        description.mlp?.input = linear("up_proj")
        description.mlp?.output = linear("down_proj")
        description.experts = ExpertsDescription(
            count: try settings.size("num_local_experts", "num_experts") ?? 16, chosen: try settings.size("num_experts_per_tok") ?? 1,
            weights: .gates,
            storage: .stackedHalves(gateAndInput: "feed_forward.experts.gate_up_proj", output: "feed_forward.experts.down_proj"),
            width: width, router: linear("router"),
            shared: SharedExpertDescription(width: width, module: "feed_forward.shared_expert"),
            blocks: try mixedBlocks(settings, blocks: blocks))
        return description
    }

    /// The blocks with positions.
    private static func turnedBlocks(_ settings: Configuration, blocks: Int) throws(Problem) -> [Bool] {
        let step = try settings.size("no_rope_layer_interval") ?? 4
        let marks = try settings.numbers("no_rope_layers") ?? []
        if marks.isEmpty { return (0..<blocks).map { ($0 + 1) % step != 0 } }
        guard marks.count == blocks else {
            throw settings.problem("wrong number of entries", "no_rope_layers", expected: "\(blocks)", found: "\(marks.count)")
        }
        return marks.map { $0 != 0 }
    }

    /// The blocks that are listed as seeing chunks; nil without a list.
    private static func chunkedBlocks(_ settings: Configuration, blocks: Int) throws(Problem) -> [Bool]? {
        guard let kinds = try settings.texts("layer_types") else { return nil }
        guard kinds.count == blocks else {
            throw settings.problem("wrong number of entries", "layer_types", expected: "\(blocks)", found: "\(kinds.count)")
        }
        if let other = kinds.first(where: { $0 != "full_attention" && $0 != "chunked_attention" }) {
            throw settings.problem(
                "attention of this kind cannot be run", "layer_types", expected: "full_attention or chunked_attention",
                found: "'\(other)'")
        }
        return kinds.map { $0 == "chunked_attention" }
    }

    /// The blocks with experts.
    private static func mixedBlocks(_ settings: Configuration, blocks: Int) throws(Problem) -> BlockChoice {
        guard let numbers = try settings.numbers("moe_layers") else {
            return .every(try settings.size("interleave_moe_layer_step") ?? 1)
        }
        var isMixed = [Bool](repeating: false, count: blocks)
        for number in numbers {
            guard let block = Int(exactly: number), block >= 0 else {
                throw settings.problem("is not a list of blocks", "moe_layers", expected: "whole numbers")
            }
            if block < blocks { isMixed[block] = true }
        }
        return .listed(isMixed)
    }
}
