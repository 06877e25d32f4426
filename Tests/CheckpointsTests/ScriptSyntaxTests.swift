import Foundation
import TestSupport
import Testing
import Text

@testable import Checkpoints

/// A script's code is read as data, whatever it holds.
struct ScriptSyntaxTests {
    private static let code = """
        class Net(Module):
          __buffers__ = ["mask", ]
          training : bool
          size : Final[int] = 3
          __annotations__["0"] = __torch__.Other
          def forward(self: __torch__.Net,
            x: Tensor,
            scale: float=-1.0000000000000001e-05) -> Tensor:
            a, b, = torch.split(x, 2, 1)
            if torch.__is__(None, None):
              y = torch.add(a, b, alpha=2)
            else:
              pass
            # A remark.
            return torch.masked_fill(y, (self).mask, -inf)
        def other(x: List[Tuple[int, str]], ) -> NoneType:
          for i in range(2):
            x = x
          return None

        """

    @Test func classesFunctionsAndStatementsAreRead() throws {
        let file = try ScriptFile(Self.code)
        let net = try #require(file.classes["Net"])
        #expect(net.buffers == ["mask"] && net.constants.keys.sorted() == ["size"])
        let forward = try #require(net.methods["forward"])
        #expect(forward.parameters.map(\.name) == ["self", "x", "scale"] && forward.body.count == 3)
        guard case .real(-1.0000000000000001e-05)? = forward.parameters[2].standard,
            case .assign(["a", "b"], _, isUnpacked: true) = forward.body[0].statement,
            case .condition(_, let first, let second) = forward.body[1].statement, first.count == 1, second.isEmpty,
            case .answer(.call(_, let arguments, _)) = forward.body[2].statement, case .real(-Double.infinity)? = arguments.last
        else {
            Issue.record("\(forward)")
            return
        }
        // Lines are counted as in the file.
        #expect(forward.body.map(\.number) == [9, 10, 15] && first.map(\.number) == [11])
        guard case .loop("i", .call(.name("range"), _, _), let repeated)? = file.functions["other"]?.body.first?.statement,
            repeated.map(\.number) == [18]
        else {
            Issue.record("\(file.functions)")
            return
        }
    }

    /// Code that is cut or changed anywhere is read or refused.
    @Test func damagedCodeEndsInAValueOrALine() throws {
        let bytes = Array(Self.code.utf8)
        for end in 0..<bytes.count {
            _ = try? ScriptFile(String(decoding: bytes[..<end], as: UTF8.self))
            var changed = bytes
            changed[end] = UInt8(ascii: "(")
            _ = try? ScriptFile(String(decoding: changed, as: UTF8.self))
            changed[end] = UInt8(ascii: "\n")
            _ = try? ScriptFile(String(decoding: changed, as: UTF8.self))
        }
        for hostile in [
            "def f(x) -> y:\n  return " + String(repeating: "(", count: 100_000),
            "def f(x) -> y:\n  return " + String(repeating: "a(", count: 100_000), "def f(x) -> y:\n  return -9223372036854775809",
            (0..<300).map { String(repeating: " ", count: $0) + "if a:\n" }.joined(), "def f(x) -> y:\n  return 1.2.3e", "\u{0}",
            "class A(Module):\n  def f(", "def", "class", "def f(x) -> y:\n  return \"", "def f(x) -> y:\n  x[0] = 1\n",
        ] {
            _ = try? ScriptFile(hostile)
        }
    }

    private static func graph(of module: ScriptModule, _ code: String) throws(Problem) {
        let reading = ScriptProgram.reading(
            of: module, code: { $0 == "code/__torch__.py" ? code : nil }, constants: [], examples: [([2, 4], .f32)], tensors: [])
        _ = try reading.graph.get()
    }

    /// Calls that never end, lists that grow, and numbers beyond their range come to an end in one line.
    @Test func codeThatNeverEndsIsRefused() throws {
        let module = ScriptModule(className: "__torch__.A", attributes: [:])
        let bodies = [
            "return (self).forward(x, )", "return torch.view(x, [torch.mul(9223372036854775807, 2)])", "return nothing",
            "return self.missing",
            "return torch.relu(x, x, x)", "return (x)[0]", "a, b, = x\n    return a",
            "return torch.split(torch.zeros([9223372036854775807]), 1, 0)",
            "return torch.relu(CONSTANTS.c7)", "return __torch__.B.c(x, )",
            "return ops.prim.RaiseException(\"no\")",
            "return 1",
            "if torch.gt(x, 1):\n      pass\n    else:\n      pass\n    return x",
            "for i in range(-9223372036854775807, 9223372036854775807):\n      pass\n    return x",
            "for i in range(4000):\n      for j in range(4000):\n        y = torch.relu(x)\n    return x",
            "t = \"a\"\n    for i in range(60):\n      t = torch.add(t, t)\n    return x",
            "t = \"a\"\n    for i in range(60):\n      t = torch.format(\"{}{}\", t, t)\n    return x",
            "d = {}\n    for i in range(4000):\n      torch._set_item(d, i, x)\n    return x", "return ({\"a\": x})[\"b\"]",
            "l = [1]\n    for i in range(4000):\n      for j in range(60):\n        l = [l]\n    return x",
            "l = (1,)\n    for i in range(4000):\n      for j in range(60):\n        l = (l, )\n    return x",
            "with x:\n      y = x\n    return y", "return {\"a\": 1}",
            "l = (1, )\n    for i in range(60):\n      l = (l, l, )\n    return l",
            "l = (x, )\n    for i in range(60):\n      l = (l, l, )\n    return l",
            "_0 = __torch__.torch.autograd.grad_mode.no_grad.__new__(x)\n    with _0:\n      l = [torch.relu(x)]\n      torch.append(l, l)\n    return x",
        ]
        for body in bodies {
            let code = "class A(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    \(body)\n"
            #expect(throws: Problem.self, "\(body)") {
                _ = try Self.graph(of: module, code)
            }
        }
        // Each call opens two others.
        let doubling = (0..<40).map { "def f\($0)(x: int) -> int:\n  return torch.add(f(\($0)), f(\($0)))\n" }.joined()
        _ = try ScriptFile(doubling)
        let tree = (1..<50).map {
            "def f\($0)(x: Tensor) -> Tensor:\n  a = __torch__.f\($0 - 1)(x, )\n  return __torch__.f\($0 - 1)(a, )\n"
        }.joined()
        let code =
            "class A(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return __torch__.f49(x, )\ndef f0(x: Tensor) -> Tensor:\n  return torch.relu(x)\n"
            + tree
        let error = #expect(throws: Problem.self) {
            _ = try Self.graph(of: module, code)
        }
        #expect(error.map { "\($0)" }?.contains("too long") == true, "\(error.map { "\($0)" } ?? "")")
    }
}
