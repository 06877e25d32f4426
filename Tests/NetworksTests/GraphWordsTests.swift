import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Networks that words describe compute what PyTorch computes, with its gradients.
struct GraphWordsTests {
    static let words = [
        "residual":
            "conv1(padding=1),bn1,x=relu,conv2(padding=1),relu,y=conv3(padding=1),x,shortcut,add(y),z=relu,conv4(padding=1),add(z),relu,"
            + "globalavgpool,flatten,fc",
        "gated": "x=in_proj,gate,g=silu,x,up,mul(g),down,add(x),relu,head",
        "attending":
            "embed,x=add(places),ln1,qkv,attention(heads=2),proj,y=add(x),layernorm,up,gelu,down,z=add(y),attn(heads=4),add(z),mean(1),head",
        "general":
            "a,tanh,x=mul(gain),rows=reshape(2,4),matmul(mixing),turned=transpose(1,2),rows,matmul(turned,scale=0.5),softmax,matmul(rows),"
            + "reshape(8),div(2),mixed=add(1),input,y=b,p=pow(2),x,slice(2,6),d=sub(y),mixed,concat(p,d),out",
        "normed":
            "conv1(padding=1),gn1(groups=3),relu,conv2(padding=1),own(groups=4,eps=0.001),silu,conv3,instancenorm,tanh,conv4,groupnorm(2),"
            + "whole(groups=1,eps=0.01),relu,max(2,3),fc1,rows(groups=2),fc2",
        "tokens": "embedding(embed),x=positions(places),ln1,qkv,attention(heads=2,causal=true),proj,add(x),unembed",
    ]
    static let names = words.keys.sorted()

    static func checkpoint(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("graphs/\(name).safetensors")) }

    static func expected(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("graphs/\(name).expected.safetensors")) }

    static func close(_ found: [Float], _ expected: [Float], _ what: String) {
        ReferenceValues.close(found, expected, within: 1e-5, what)
    }

    private func network(_ name: String, _ words: String? = nil) throws -> Network {
        try Chain.network(of: Self.checkpoint(name), Architecture(words ?? Self.words[name] ?? ""))
    }

    @Test(arguments: names) func outputsAreThoseOfPyTorch(name: String) throws {
        let (network, values) = (try network(name), try Self.expected(name))
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 2))
        let output = try #require(executor.run(batch)[network.output])
        let expected = try #require(values["output"])
        #expect(output.shape == expected.shape && network.outputWidth == expected.shape.last && network.unusedTensors.isEmpty)
        Self.close(output.elements, expected.floats(), name)
    }

    @Test(arguments: names) func gradientsAreThoseOfPyTorch(name: String) throws {
        let (network, values) = (try network(name), try Self.expected(name))
        let batch = try ReferenceValues.batch(values)
        var request = RunRequest(recorded: [network.output])
        let named = values.tensors.filter { $0.name.hasPrefix("gradient.") }.map { ($0, String($0.name.dropFirst("gradient.".count))) }
        let parameters = try named.map { try #require(network.parameter(named: $0.1), "\($0.1)") }
        request.gradients = GradientRequest(parameters: Set(parameters))
        let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 2))
        let gradients = Gradients(executor, seeds: [network.output])
        _ = executor.run(batch)
        let weights = try #require(values["weights"])
        gradients.clearParameters()
        gradients.backward([network.output: Tensor(shape: weights.shape, weights.floats())])
        #expect(named.count >= 5)
        for (parameter, (tensor, name)) in zip(parameters, named) {
            Self.close(try #require(gradients[parameter]).elements, tensor.floats(), name)
        }
    }

    @Test func aLabelIsTheSiteOfAnOperationAndModulesKeepTheirNames() throws {
        let network = try network("gated")
        #expect(
            network.nodes.map(\.site) == ["input", "in_proj", "gate", "g", "up", "up.mul", "down", "down.add", "down.relu", "head"])
        #expect(network.anatomy.layers.isEmpty, "a graph is no chain")
        #expect(network.input == .values(shape: [6]))
        #expect(try self.network("tokens").input == .tokens(vocabulary: 11, positions: 16))
        #expect(try self.network("attending").input == .values(shape: [5, 6]), "the table of places fixes the length")
    }

    /// Norms that are no modules, whose settings have names, and sequences of channels.
    @Test func normsOfGroupsReadTensorsByName() throws {
        let text =
            "conv1(padding=1),groupnorm(groups=3,weight=gn1.weight,bias=gn1.bias),relu,conv2(padding=1),"
            + "instancenorm(weight=own.weight,bias=own.bias,eps=0.001),silu,conv3,instancenorm,tanh,conv4,groupnorm(2),"
            + "reshape(4,-1),groupnorm(1,weight=whole.weight,bias=whole.bias,eps=0.01),relu,max(2),fc1,rows(groups=2),fc2"
        let (network, values) = (try network("normed", text), try Self.expected("normed"))
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 2))
        Self.close(try #require(executor.run(batch)[network.output]).elements, try #require(values["output"]).floats(), "normed")
    }

    @Test(arguments: [
        ("conv1(padding=1),gn1(groups=4),relu", "'gn1(groups=4)': the groups do not divide the channels, expected a divisor of 6, found 4"),
        ("conv1(padding=1),gn1(groups=0),relu", "'gn1(groups=0)'"),
        ("conv1(padding=1),groupnorm(bias=gn1.bias,groups=3)", "has no weight, expected weight=TENSOR beside bias"),
        ("conv1(padding=1),groupnorm(weight=own.weight,groups=3)", "reads a different number of channels, expected 4, found 6"),
        ("conv1(padding=1),groupnorm", "'groupnorm': needs 'groups'"),
        ("conv1(padding=1),reshape(6,-1),instancenorm", "the layer reads images, expected samples x channels x rows x columns"),
    ])
    func normsThatDoNotFitAreRefused(words: String, part: String) {
        let message = message("normed", "input(2x7x6)," + words)
        #expect(message.contains(part), "\(message)")
    }

    @Test func wordsComeBackAsTheyWereWritten() throws {
        for text in Self.words.values { #expect(try Architecture(text).description == text) }
    }

    private func message(_ name: String, _ words: String) -> String {
        let error = #expect(throws: Problem.self) { try network(name, words) }
        return error.map { "\($0)" } ?? ""
    }

    @Test(arguments: [
        (
            "x=in_proj,gate,g=silu,x,up,mul(h),down,add(x),relu,head",
            "'mul(h)': reads what is neither a label nor a tensor nor a number, expected one of the labels g, input, x, found 'h'; the nearest are 'g'"
        ),
        (
            "x=in_proj,gate,g=silu,x,up,mul(d),d=down,add(x),head",
            "'mul(d)': reads an output that comes later, expected a label that is defined before it, found 'd'"
        ),
        ("x,x=in_proj,gate", "'x': comes before the output that has this label"),
        (
            "x=in_proj,gate,silu,x,up,down,add(x),relu,head",
            "'silu': nothing reads its output, expected a label, as in x=silu, that is read"
        ),
        ("x=in_proj,gate,g=silu,x,up,down,add(x),relu,head", "'g=silu': nothing reads its output, expected an element such as add(g)"),
        ("relu=in_proj,gate,silu,down,relu,head", "'relu=in_proj': has a label that means something else"),
        (
            "up=in_proj,gate",
            "has a label that means something else, expected a word that is no module, tensor, operation or number, found 'up'"
        ),
        (
            "x=in_proj,x=gate,silu,down,relu,head",
            "'x=gate': has a label that another output has, expected one output of each label, found 'x' twice"
        ),
        ("x=in_proj,gate,add(x),silu,down,relu,head,up", "'add(x)': "),
        ("x=in_proj,add,gate,head", "'add': combines nothing, expected labels, as in add(x)"),
        ("x=in_proj,gatte,head", "'gatte': is neither a module of the checkpoint nor an operation"),
        ("x=in_proj,gatte,head", "the nearest are 'gate'"),
        ("x=in_proj,gate,silo,add(x)", "the nearest are 'silu'"),
        ("x=in_proj,gate,silu,down,add(x),head", "leaves out a module of the checkpoint, expected 'up'"),
        ("x=in_proj,x,in_proj,add(x)", "'in_proj': names a module twice"),
        ("x=in_proj,concat(x,axis=3),head", "'concat(x,axis=3)': has no such dimension, expected 1 to 2, or -1 to -2, found 3"),
        ("x=in_proj,sub(x,x),head", "combines two numbers, expected one operand, found 2"),
        ("input(6),x=in_proj,matmul(x),head", "'matmul(x)': multiplies what are no matrices of each sample"),
        ("input(6),in_proj,attention(heads=2),head", "'attention(heads=2)': reads no sequences, expected samples x length x width"),
        ("input(any),x=in_proj,add(x),head,gate,up,down", "'x=in_proj': "),
        ("in_proj,slice(3,3),head", "'slice(3,3)': makes no numbers, expected lengths of at least 1"),
        ("in_proj,dropout(2),head", "setting 'p', expected a number from 0 to 1"),
        ("in_proj,clip(min=3,max=1),head", "has bounds that leave nothing"),
        ("input(6y),in_proj,head", "'input(6y)': is no shape of a sample"),
        ("in_proj,input(6),x=head,add(x)", "'input(6)': gives the shape of samples, expected the first element, without a label"),
        ("linear(weight=none.weight),x=in_proj,add(x)", "reads a tensor that the checkpoint does not have, found 'none.weight'"),
    ])
    func wordsThatAreNoGraphAreOneLine(words: String, part: String) throws {
        let message = message("gated", words)
        #expect(message.contains(part) && !message.contains("\n"), "\(message)")
    }

    @Test func headsMustDivideTheWidth() {
        let front = "embed,x=add(places),ln1,qkv,"
        #expect(
            message("attending", front + "attention(heads=5)").contains(
                "'attention(heads=5)': the heads do not divide the width, expected queries, keys and values of 15 heads in all, found a width of 24"
            ))
        #expect(message("attending", front + "attention(heads=3,key_heads=2)").contains("key heads do not divide the heads"))
        #expect(message("attending", front + "attention(x,heads=2)").contains("reads queries alone"))
        #expect(message("attending", "embed,attn(heads=3)").contains("the heads do not divide the width"))
        #expect(message("attending", "embed,attn").contains("needs 'heads'"))
    }

    @Test(arguments: [
        ("add(x", "has no closing parenthesis"), (String(repeating: "add(", count: 50_000), "has no closing parenthesis"),
        ("add(relu(fc1))", "has an element inside another, expected a label, as x in x=relu,...,add(x), found '(relu(fc1)'"),
        (String(repeating: "relu,", count: 100_000) + "relu", "has too many elements, expected at most 32768, found more"),
        (String(repeating: "x", count: 1 << 21), "is too long, expected at most 1048576 bytes, found 2097152"),
        ("=relu", "has an empty element"), ("x=y=relu", "expected a comma"),
    ])
    func textThatIsNoListIsOneLine(text: String, part: String) throws {
        let error = #expect(throws: Problem.self) { try Architecture(text) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains(part) && message.utf8.count < 1000, "\(message.prefix(300))")
    }

    @Test func tenThousandWordsAreAGraph() throws {
        let words = "x=in_proj," + String(repeating: "relu,add(x),", count: 5_000) + "gate,g=silu,x,up,mul(g),down,head"
        #expect(try network("gated", words).nodes.count == 10_008)
    }

    @Test func aNewNetworkHasNormsOfGroups() throws {
        let blueprint = try Blueprint.convolutional(
            "2x7x6:conv1(6,3),gn1(3,eps=0.01),relu,conv2(4,3),instancenorm1,flatten,fc1(6),gn2(groups=2)")
        #expect(
            blueprint.architecture?.description
                == "input(2x7x6),conv1,gn1(groups=3,eps=0.01),relu,conv2,instancenorm1(groups=4),flatten,fc1,gn2(groups=2)")
        #expect(blueprint.parameters.map(\.shape) == [[6, 2, 3, 3], [6], [6], [6], [4, 6, 3, 3], [4], [4], [4], [6, 24], [6], [6], [6]])
        let network = try Chain.network(
            of: blueprint.draft(seed: 1).outline(path: "m"), #require(blueprint.architecture))
        #expect(try network.shapes(for: .values([2, 2, 7, 6])).last == [2, 6])
        for text in ["2x7x6:conv1(6,3),gn1(4)", "2x7x6:conv1(6,3),gn1", "2x7x6:conv1(6,3),instancenorm(3)", "5x6:fc1(8),gn1(2)"] {
            #expect(throws: Problem.self) { try Blueprint.convolutional(text) }
        }
    }

    @Test func aNewNetworkHasTheGraph() throws {
        let blueprint = try Blueprint.convolutional(
            "2x7x6:x=conv1(4,3,padding=1),relu,conv2(4,3,padding=1),add(x),relu,flatten,fc(3)")
        #expect(blueprint.architecture?.description == "input(2x7x6),x=conv1(padding=1),relu,conv2(padding=1),add(x),relu,flatten,fc")
        #expect(blueprint.parameters.map(\.shape) == [[4, 2, 3, 3], [4], [4, 4, 3, 3], [4], [3, 168], [3]])
        let sequence = try Blueprint.convolutional(
            "5x6:x=fc1(8),ln1,attn1(heads=2),y=add(x),layernorm,fc2(16),gelu,fc3(8),add(y),mean(1),fc4(3)")
        let network = try Chain.network(
            of: sequence.draft(seed: 1).outline(path: "m"), #require(sequence.architecture))
        #expect(try network.shapes(for: .values([2, 5, 6])).last == [2, 3])
        #expect(sequence.architecture?.description.hasPrefix("input(5x6),x=fc1,ln1,attn1(heads=2),y=add(x)") == true)
        #expect(throws: Problem.self) { try Blueprint.convolutional("5x6:fc1(8),attn1(heads=3)") }
        #expect(throws: Problem.self) { try Blueprint.convolutional("2x7x6:x=conv1(4,3),conv2(4,3),add(x)") }
    }
}
