import Checkpoints
import TestSupport
import Testing
import Text

@testable import Networks

/// The architecture as files of whole modules describe it.
struct SavedArchitectureTests {
    private func checkpoint(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(Fixtures.path("containers/modules/" + name))
    }

    private func architecture(_ name: String, given: String? = nil) throws -> (architecture: Architecture, source: Chain.Source) {
        let checkpoint = try checkpoint(name)
        return try Chain.architecture(of: checkpoint, catalog: LayerCatalog(checkpoint), given: try given.map { try Architecture($0) })
    }

    private func message(_ name: String, given: String? = nil) throws -> String {
        let error = #expect(throws: Problem.self) { try architecture(name, given: given) }
        return "\(try #require(error))"
    }

    @Test(arguments: ["plain.pt", "plain-script.pt"]) func sequencesOfModulesAreTheChain(name: String) throws {
        let found = try architecture(name)
        #expect(found.source == .file)
        #expect(found.architecture.description == "flatten,1,tanh,3.0,leakyrelu(0.2),dropout,4")
        _ = try Chain.network(of: try checkpoint(name), found.architecture)
    }

    @Test(arguments: ["images.pt", "images-script.pt"]) func settingsOfModulesAreKept(name: String) throws {
        let found = try architecture(name)
        #expect(
            found.architecture.description
                == "conv(stride=2,padding=1x0),norm(eps=0.001,momentum=0.1),elu(0.7),same(groups=2,padding=1x1),"
                + "maxpool(2,stride=1,padding=0,ceil=true,dilation=1),softplus(beta=2,threshold=20),"
                + "avgpool(2x1,stride=2x1,padding=1x0,ceil=false,count_include_pad=false),flatten,gelu,fc",
            "\(found.architecture)")
        _ = try Chain.network(of: try checkpoint(name), found.architecture)
    }

    @Test func aForwardFunctionOfItsOwnIsNotAssumed() throws {
        let name = "own.pt"
        let message = try message(name)
        #expect(message.contains("is a module with its own forward function") && message.contains("Own"), "\(message)")
        // The user's setting applies: the file does not contradict it.
        #expect(try architecture(name, given: "fc1,tanh,fc2").source == .given)
    }

    @Test(arguments: ["program.pt2", "program-old.pt2"]) func anExportedSequenceIsTheChain(name: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("containers/" + name))
        let found = try Chain.architecture(of: checkpoint, catalog: LayerCatalog(checkpoint), given: nil)
        #expect(found.source == .file)
        #expect(found.architecture.description == "fc1,tanh,fc2")
    }

    @Test func aClassThatNoChainHasIsNamed() throws {
        let message = try message("unknown.pt")
        #expect(message.contains("module '1'") && message.contains("torch.nn.modules.activation.RReLU"), "\(message)")
    }

    @Test func whatContradictsTheFileIsAnError() throws {
        #expect(try message("plain.pt", given: "flatten,1,relu,3.0,leakyrelu(0.2),4").contains("expected 'tanh', found 'relu'"))
        #expect(
            try message("plain.pt", given: "flatten,1,tanh,3.0,leakyrelu(0.1),4").contains(
                "expected 'leakyrelu(0.2)', found 'leakyrelu(0.1)'"))
        #expect(try message("plain.pt", given: "flatten,1,tanh,3.0,leakyrelu(0.2)").contains("expected '4', found its end"))
        #expect(try message("plain-script.pt", given: "flatten,1,3.0,4").contains("expected 'tanh', found '3.0'"))
        // Other spellings of the same, and settings without effect, are not contradictions.
        #expect(try architecture("plain.pt", given: "flatten,1,tanh,identity,3.0,leakyrelu(slope=0.20),4").source == .given)
    }
}
