using HsmBackup.Engine.Tests.Format;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace HsmBackup.Engine.Tests.Support;

/// <summary>Programs that all tests of a class need, those that it inherits too. Where one is missing, each test says so and is skipped.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsAttribute(string program, string package) : Attribute
{
    public string? WhyNot() => Tool.Exists(program) || File.Exists(program) ? null : $"{program} is not installed (Debian: apt-get install {package}).";
}

/// <summary>A test that heeds <see cref="NeedsAttribute"/> of the class that it runs in.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("HsmBackup.Engine.Tests.Support." + nameof(SuiteFactDiscoverer), "HsmBackup.Engine.Tests")]
internal sealed class SuiteFactAttribute : FactAttribute;

/// <summary>What xunit asks for the test cases of a <see cref="SuiteFactAttribute"/>.</summary>
internal sealed class SuiteFactDiscoverer(IMessageSink messages) : FactDiscoverer(messages)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions options, ITestMethod method, IAttributeInfo fact) =>
        new SuiteTestCase(DiagnosticMessageSink, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method);
}

/// <summary>A test case whose reason to be skipped is that of its class.</summary>
internal sealed class SuiteTestCase : XunitTestCase
{
    /// <summary>Made by xunit when it sends a test case from one process to another.</summary>
    [Obsolete("For xunit only.")]
    public SuiteTestCase()
    {
    }

    public SuiteTestCase(IMessageSink messages, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(messages, display, options, method)
    {
    }

    protected override string? GetSkipReason(IAttributeInfo factAttribute) => base.GetSkipReason(factAttribute)
        ?? TestMethod.TestClass.Class.ToRuntimeType().GetCustomAttributes(typeof(NeedsAttribute), inherit: false)
            .Cast<NeedsAttribute>().Select(n => n.WhyNot()).FirstOrDefault();
}
